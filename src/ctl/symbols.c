/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files with symbols, added while the guest runs: what a loader brings in, a
 * module, a kernel that was not named at the start. Every viewer learns of them
 * from the sample page.
 */
#include "ctl/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/control.h"
#include "ctl/proto.h"
#include "inspect/sym.h"

/* FILE, or "FILE@OFFSET", is read once to see whether it is any good. */
static int symbols_add(struct vm *vm, const char *file, struct err *err)
{
	struct sample_page *page = vm_sample(vm);
	char spec[SAMPLE_SYMS_MAX], one[SAMPLE_SYMS_MAX] = "";
	struct sym_table *tab;
	int ret;

	memcpy(spec, page->symbols, sizeof(spec));
	ret = sym_spec_add(spec, file, err);
	if (!ret)
		ret = sym_spec_add(one, file, err);
	if (!ret)
		ret = sym_open(one, &tab, err);
	if (ret)
		return ret;
	sym_close(tab);
	memcpy(page->symbols, spec, sizeof(spec));
	return 0;
}

static int symbols_add_at(struct vm *vm, const char *file, const char *offset, struct err *err)
{
	char text[SAMPLE_SYMS_MAX];
	int n = snprintf(text, sizeof(text), offset ? "%s@%s" : "%s", file, offset);

	if (n < 0 || (size_t)n >= sizeof(text))
		return err_set(err, ENAMETOOLONG, "%.64s...: too long a name", file);
	return symbols_add(vm, text, err);
}

/* --- QMP; the context is the server --- */

static int symbols_qmp_add(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	const json_t *offset = json_object_get(args, "offset");
	const char *file;
	char text[24];
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "file", &file, err);
	if (res < 0)
		return res;
	if (offset && !json_is_integer(offset))
		return err_set(err, EINVAL, "offset: not an integer");
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)json_integer_value(offset));
	return symbols_add_at(ctl_server_vm(ctx), file, offset ? text : NULL, err);
}

static json_t *symbols_json(const struct sym_table *tab)
{
	struct sym_source_info info;
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; sym_source_get(tab, i, &info); i++)
		json_array_append_new(list, json_pack("{s:s,s:b,s:I,s:I}", "file",
						      info.path ? info.path : SYM_GUEST, "linux",
						      info.linux_text || !info.path, "offset",
						      (json_int_t)info.bias, "symbols",
						      (json_int_t)info.nr));
	return list;
}

static int symbols_qmp_list(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	struct control *control = ctl_server_control(ctx);
	struct vm_view *view = control_view(control, err);

	(void)conn;
	(void)args;
	if (!view)
		return -err->code;
	*ret = symbols_json(control_syms(control, view));
	control_view_free(view);
	return 0;
}

static const struct ctl_command symbols_commands[] = {
	{ "x-vitrine-symbols-add", symbols_qmp_add },
	{ "x-vitrine-symbols", symbols_qmp_list },
};

/* --- the human monitor --- */

static int symbols_hmp_add(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	(void)out;
	return symbols_add_at(ctl_server_vm(ctx->table_ctx), args->word[0],
			      args->nr > 1 ? args->word[1] : NULL, err);
}

static int symbols_hmp_list(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct sym_source_info info;
	uint64_t slide;
	unsigned int i;

	(void)args;
	(void)err;
	for (i = 0; sym_source_get(ctx->syms, i, &info); i++)
		buf_printf(out, "%s: %zu symbols, moved by 0x%llx\n",
			   info.path ? info.path : "the guest's own table", info.nr,
			   (unsigned long long)info.bias);
	if (!i)
		buf_puts(out, "there are no symbols (symbols add FILE)\n");
	if (sym_slide(ctx->syms, &slide))
		buf_printf(out, "the kernel has moved itself by 0x%llx\n",
			   (unsigned long long)slide);
	return 0;
}

const struct monitor_command symbols_monitor_commands[] = {
	{ "symbols add", "file [offset]", "symbols of one more file, moved by an offset", 2, 1,
	  MONITOR_COMPLETE_NONE, symbols_hmp_add },
	{ "symbols list", "", "files with symbols, and how far each has been moved", 0, 0,
	  MONITOR_COMPLETE_NONE, symbols_hmp_list },
};

const size_t symbols_monitor_commands_len =
	sizeof(symbols_monitor_commands) / sizeof(symbols_monitor_commands[0]);

int symbols_bind(struct ctl_server *srv, struct err *err)
{
	int ret;

	ret = ctl_server_add_commands(srv, symbols_commands,
				      sizeof(symbols_commands) / sizeof(symbols_commands[0]), srv);
	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), symbols_monitor_commands,
					   symbols_monitor_commands_len, srv);
	return ret < 0 ? err_sys(err, -ret, "symbol commands") : 0;
}
