/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI bus in the words of QEMU's monitor and of QMP. Pure: a view is all they see. */
#ifndef VITRINE_CTL_PCI_INFO_H
#define VITRINE_CTL_PCI_INFO_H

#include <jansson.h>

#include "base/buf.h"
#include "inspect/view.h"

/* `info pci`: every function with its BARs. */
void pci_info_text(const struct vm_view *view, struct buf *out);
/* query-pci: a list with the one bus; NULL without memory. The caller's. */
json_t *pci_info_json(const struct vm_view *view);

#endif
