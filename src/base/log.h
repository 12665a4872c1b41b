/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's own words. Lines go to one file descriptor (stderr, or the
 * VM's log file); a guest cannot flood it: each call site that a guest can
 * reach uses log_guest(), which is limited to a few lines a second.
 */
#ifndef VITRINE_BASE_LOG_H
#define VITRINE_BASE_LOG_H

/* Send lines to FD (borrowed); -1: nowhere. Default: stderr. Any thread. */
void log_open(int fd);
/* One line, "vitrine: " before it and a newline after it. Any thread. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* As log_line(), for facts a guest can cause at will: at most 10 lines in 5 s. */
void log_guest(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
