/* SPDX-License-Identifier: MIT */
/*
 * The XML documents a client reads through qXfer: target description, memory map, thread list
 * (appendix G, "Memory Map Format", "Thread List Format" of the GDB manual).  All are made from
 * the embedder's tables at the time of asking.
 */
#ifndef GDB_XML_H
#define GDB_XML_H

#include "rsp.h"
#include "target.h"

/* The whole description in one document, features and types included. */
void gdb_xml_target(struct rsp_buf *out, const struct gdb_arch *arch);

/*
 * A client treats addresses outside the map as inaccessible; therefore what no region covers is
 * listed as RAM, and the map only ever adds the knowledge of what cannot be written.
 */
void gdb_xml_memory_map(struct rsp_buf *out, const struct gdb_target_ops *ops, void *ctx);

/* multiprocess: thread ids in the form p1.N. */
void gdb_xml_threads(struct rsp_buf *out, const struct gdb_target_ops *ops, void *ctx,
		     bool multiprocess);

#endif
