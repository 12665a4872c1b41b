/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames into a file that Wireshark and tcpdump open: pcapng with nanoseconds and directions. */
#ifndef VITRINE_NET_PCAP_H
#define VITRINE_NET_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct pcap;

/* A new file (mode 0600), or a named pipe somebody reads. NAME is the interface's. -errno. */
int pcap_open(const char *path, const char *name, struct pcap **out, struct err *err);
/* One frame, OUTBOUND from the guest, at REAL_NS since the epoch. A file that can no longer be
 * written ends the capture, with a line in the log. Any thread. */
void pcap_write(struct pcap *pcap, bool outbound, uint64_t real_ns, const struct iovec *iov,
		unsigned int nr, size_t len);
/* NULL is fine. */
void pcap_close(struct pcap *pcap);
uint64_t pcap_frames(const struct pcap *pcap);

#endif
