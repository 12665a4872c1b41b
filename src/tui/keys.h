/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and what they ask for: one table makes the bindings, `?`, the footer and
 * vitrine-keys(7). A request means the same everywhere.
 */
#ifndef VITRINE_TUI_KEYS_H
#define VITRINE_TUI_KEYS_H

/* X(name, "name", key, footer label, what it does) */
#define KEYS_REQUESTS(X)                                                                    \
	X(SCREEN_FLEET, "fleet", '0', "Fleet", "All VMs of this user")                      \
	X(SCREEN_CPU, "cpu", '1', "CPU", "Registers, code and stack of a vCPU")             \
	X(SCREEN_PAGING, "paging", '2', "Paging", "The guest's page tables")                \
	X(SCREEN_HOST, "ept", '3', "Host", "Memslots and the second stage")                 \
	X(SCREEN_TABLES, "tables", '4', "Tables", "GDT, IDT, TSS and MSRs")                 \
	X(SCREEN_IRQ, "irq", '5', "IRQ", "Interrupt controllers")                           \
	X(SCREEN_DEVICES, "devices", '6', "Devices", "Every device's own words")            \
	X(SCREEN_EXITS, "exits", '7', "Exits", "What the guest's exits cost")               \
	X(SCREEN_VGA, "vga", '8', "VGA", "The VGA text screen")                             \
	X(SCREEN_SERIAL, "serial", '9', "Serial", "The serial line as a terminal")          \
	X(SCREEN_AUTOPSY, "autopsy", '!', "Autopsy", "What went wrong")                     \
	X(STEP, "step", 's', "step", "Execute one instruction")                             \
	X(STEP_LINE, "step-line", 'S', "line", "Execute one source line")                   \
	X(OVER, "over", 'n', "over", "Step over a call")                                    \
	X(FINISH, "finish", 'f', "finish", "Run until the function returns")                \
	X(UNTIL, "until", 'u', "until", "Run to the line under the cursor")                 \
	X(CONTINUE, "continue", 'c', "cont", "Let the guest run")                           \
	X(PAUSE, "pause", 'p', "pause", "Stop all vCPUs")                                   \
	X(BREAK, "break", 'b', "break", "Set or clear a breakpoint")                        \
	X(WATCH, "watch", 'w', "watch", "Stop when memory changes")                         \
	X(CATCH, "catch", 'C', "catch", "Stop at an exception, a port, an MSR")             \
	X(EXPLAIN, "explain", 'e', "explain", "Why is it so: an address, an entry")         \
	X(GOTO, "goto", 'g', "goto", "Go to an address or symbol")                          \
	X(NEXT_VCPU, "next-vcpu", 'v', "vcpu", "Select the next vCPU")                      \
	X(RESET, "reset", 'r', "reset", "Reset the machine")                                \
	X(TYPE, "type", 'a', "type", "Type into the guest; Ctrl-] releases")                \
	X(MARK, "mark", 't', "mark", "Mark the VM, or no more (0; Space too)")              \
	X(MARK_ALL, "mark-all", 'T', "all", "Mark all VMs shown, or none (0)")              \
	X(FILTER, "filter", '/', "filter", "Show only lines that match; 8, 9: search")      \
	X(COMMAND, "command", ':', "cmd", "Any command of the monitor")                     \
	X(HELP, "help", '?', "keys", "The keys of this screen")                             \
	X(ZOOM, "zoom", '+', "zoom", "Zoom the focused pane, and back")                     \
	X(NEXT_PANE, "next-pane", '\t', "pane", "Move to the next pane")                    \
	X(PREV_PANE, "prev-pane", 0, "", "Move to the previous pane")                       \
	X(UP, "up", 'k', "", "Move up")                                                     \
	X(DOWN, "down", 'j', "", "Move down")                                               \
	X(LEFT, "left", 'h', "", "Show what is further left")                               \
	X(RIGHT, "right", 'l', "", "Show what is further right")                            \
	X(PAGE_UP, "page-up", 0, "", "Move up a page")                                      \
	X(PAGE_DOWN, "page-down", ' ', "", "Move down a page")                              \
	X(HOME, "home", 0, "", "Go to the first line")                                      \
	X(END, "end", 'G', "", "Go to the last line")                                       \
	X(ENTER, "enter", '\n', "open", "Open the thing under the cursor")                  \
	X(BACK, "back", 27, "back", "Go back")                                              \
	X(DIFF, "diff", 'd', "diff", "What changed since the stop before")                  \
	X(EARLIER, "earlier", '[', "earlier", "The stop before this one")                   \
	X(LATER, "later", ']', "later", "The stop after this one")                          \
	X(NEXT_MATCH, "next-match", 18, "next", "The match before; n too, while searching") \
	X(PREV_MATCH, "prev-match", 'N', "previous", "The match after")                     \
	X(YANK, "yank", 'y', "yank", "Copy the pane (OSC 52 and a file)")                   \
	X(WRITE, "write", 'W', "write", "Write the pane to a file")                         \
	X(RERUN, "rerun", 'R', "rerun", "Run again to the instruction that crashed")        \
	X(BUNDLE, "bundle", 'D', "bundle", "Autopsy, core and serial line in a folder")     \
	X(REDRAW, "redraw", 12, "", "Draw the whole screen again")                          \
	X(DETACH, "detach", 'q', "detach", "Leave; the guest runs on")                      \
	X(STOP, "stop", 'Q', "stop", "Stop the VM (asks by name)")                          \
	X(KILL, "kill", 'x', "kill", "End VMs, by force if they do not answer (0)")

enum request {
	REQ_NONE,
#define KEYS_ENUM(name, text, key, label, help) REQ_##name,
	KEYS_REQUESTS(KEYS_ENUM)
#undef KEYS_ENUM
		REQ_NR,
};

struct key_row {
	enum request req;
	const char *name;
	int key; /* default; 0: only a cursor or function key */
	const char *label;
	const char *help;
};

extern const struct key_row keys_table[];
extern const unsigned int keys_table_len;

/* The request bound to KEY (a character, or a KEY_* code of keys.c's own), REQ_NONE if none. */
enum request keys_lookup(int key);
const struct key_row *keys_row(enum request req);

/* A second key for a request. */
struct key_alias {
	int key;
	enum request req;
};

extern const struct key_alias keys_aliases[];
extern const unsigned int keys_aliases_len;

#define KEYS_NAME_MAX 16
/* "Tab", "F5", "Ctrl-L", "s" into OUT (KEYS_NAME_MAX bytes); returns OUT, empty if nameless. */
const char *keys_name(int key, char *out);
/* The key so named, 0 if none. */
int keys_from_name(const char *name);

/* Codes of keys that are not characters, independent of curses. */
enum {
	VKEY_UP = 0x110000,
	VKEY_DOWN,
	VKEY_LEFT,
	VKEY_RIGHT,
	VKEY_PGUP,
	VKEY_PGDN,
	VKEY_HOME,
	VKEY_END,
	VKEY_INSERT,
	VKEY_DELETE,
	VKEY_BACKSPACE,
	VKEY_ENTER,
	VKEY_BTAB,
	VKEY_RESIZE,
	VKEY_MOUSE,
	VKEY_F1 = 0x110100, /* F1..F12 consecutive */
};

#endif
