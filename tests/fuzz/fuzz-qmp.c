/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control protocol's framing and requests, fed in portions that the first byte chooses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "ctl/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_requests(struct proto_stream *st)
{
	struct proto_request req;
	struct err err;
	const char *text;
	struct buf out;
	ssize_t len;

	buf_init(&out, 1 << 20);
	while ((len = proto_stream_next(st, &text))) {
		if (len < 0)
			continue;
		err = (struct err)ERR_INIT;
		if (proto_request_parse(text, (size_t)len, &req, &err) < 0)
			proto_error(&out, &err, req.id);
		else
			proto_return(&out, json_string(req.cmd), req.id);
		proto_request_free(&req);
		buf_clear(&out);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size ? (size_t)data[0] + 1 : 1, at, n;
	struct proto_stream st;

	proto_stream_init(&st);
	for (at = 0; at < size; at += n) {
		n = size - at < step ? size - at : step;
		if (proto_stream_feed(&st, data + at, n) < 0)
			break;
		fuzz_requests(&st);
	}
	proto_stream_free(&st);
	return 0;
}
