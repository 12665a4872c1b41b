/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two command prompts with the same commands: the keyboard's on the VGA screen, and COM1's.
 */
#include "demo.h"

#include <stdarg.h>
#include <stddef.h>

#include "cpu.h"
#include "mem.h"
#include "multiboot.h"
#include "pit.h"
#include "power.h"
#include "print.h"
#include "serial.h"
#include "string.h"
#include "vga.h"

#define SHELL_PROMPT "demo> "
#define SHELL_CTRL_C 0x03
#define SHELL_CTRL_U 0x15
#define SHELL_DELETE 0x7f

struct shell {
	enum input_source source;
	print_sink_t *write;
	char line[72];
	size_t len;
};

struct shell_command {
	const char *name, *args, *help;
	void (*run)(const char *args);
};

static struct shell shells[] = {
	{ .source = INPUT_SERIAL, .write = serial_write },
	{ .source = INPUT_KEYBOARD, .write = vga_write },
};

/* Whose command is being run: where its words go. */
static struct shell *shell_current = &shells[0];

static void shell_help(const char *args);

static void __attribute__((format(printf, 1, 2))) shell_out(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	shell_current->write(text, strlen(text));
}

static void shell_mem(const char *args)
{
	(void)args;
	for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];

		shell_out("%012lx-%012lx %8lu KiB  %s\n", r->pa, r->pa + r->len - 1, r->len >> 10,
			  r->type == MULTIBOOT_RAM ? "RAM" : "reserved");
	}
	shell_out("%lu KiB RAM, %lu KiB taken\n", mem_total() >> 10,
		  frame_count() * PAGE_SIZE >> 10);
}

static void shell_cpus(const char *args)
{
	(void)args;
	for (unsigned int i = 0; i < smp_nr_cpus; i++) {
		const struct cpu *cpu = &smp_cpus[i];

		shell_out("cpu %2u  apic %2u  ticks %-8lu counter %-12lu %s\n", i, cpu->apic_id,
			  i ? cpu->ticks : pit_ticks(), i ? cpu->counter : demo_counter,
			  i ? cpu->task : "main loop");
	}
}

static void shell_ticks(const char *args)
{
	(void)args;
	shell_out("%lu ticks, %lu rounds\n", pit_ticks(), demo_counter);
}

static void shell_line(const char *text)
{
	shell_out("%s\n", text);
}

static void shell_map(const char *args)
{
	(void)args;
	map_print(shell_line);
}

static void shell_peek(const char *args)
{
	const char *end;
	uint64_t va = string_number(args, &end);
	unsigned int words = 1;

	if (end == args) {
		shell_out("peek: an address, please\n");
		return;
	}
	if (*end == ' ')
		words = string_number(end + 1, &end);
	for (unsigned int i = 0; i < words && i < 64; i++, va += 8)
		shell_out("%016lx  %016lx\n", va, *(volatile uint64_t *)va);
}

static void shell_fault(const char *args)
{
	const char *kind;

	if (fault_make(args))
		return;
	shell_out("fault: one of");
	for (unsigned int i = 0; (kind = fault_kind(i)); i++)
		shell_out(" %s", kind);
	shell_out("\n");
}

static void shell_exit(const char *args)
{
	const char *end;

	power_exit(string_number(args, &end));
}

static void shell_poweroff(const char *args)
{
	(void)args;
	power_off();
}

static void shell_reboot(const char *args)
{
	(void)args;
	power_reboot();
}

static void shell_hlt(const char *args)
{
	(void)args;
	shell_out("halted\n");
	cpu_halt_forever();
}

static void shell_spin(const char *args)
{
	(void)args;
	demo_spinning = !demo_spinning;
	shell_out("spin %s\n", demo_spinning ? "on" : "off");
}

static const struct shell_command shell_commands[] = {
	{ "help", "", "this list", shell_help },
	{ "mem", "", "the loader's memory map, and what is used", shell_mem },
	{ "cpus", "", "the processors and what they do", shell_cpus },
	{ "ticks", "", "timer ticks and rounds of the main loop", shell_ticks },
	{ "map", "", "the page tables, folded", shell_map },
	{ "peek", "ADDR [N]", "N quadwords of memory", shell_peek },
	{ "fault", "KIND", "make an exception", shell_fault },
	{ "exit", "N", "write N to the debug-exit port", shell_exit },
	{ "poweroff", "", "switch off", shell_poweroff },
	{ "reboot", "", "reset", shell_reboot },
	{ "hlt", "", "stop the first processor for good", shell_hlt },
	{ "spin", "", "let the main loop sleep no more, or again", shell_spin },
};

#define SHELL_NR_COMMANDS (sizeof(shell_commands) / sizeof(*shell_commands))

static void shell_help(const char *args)
{
	(void)args;
	for (size_t i = 0; i < SHELL_NR_COMMANDS; i++) {
		const struct shell_command *c = &shell_commands[i];

		shell_out("%-8s %-8s  %s\n", c->name, c->args, c->help);
	}
}

/* Runs a command; an exception in it ends the command, not the kernel. */
static void shell_call(const struct shell_command *command, const char *args)
{
	int vector = trap_catch();

	if (!vector) {
		command->run(args);
	} else {
		irq_enable();
		shell_out("%s: ended by exception %d\n", command->name, vector - 1);
	}
	trap_uncatch();
}

static void shell_execute(const char *line)
{
	const char *end;

	while (*line == ' ')
		line++;
	for (end = line; *end && *end != ' ';)
		end++;
	for (size_t i = 0; i < SHELL_NR_COMMANDS; i++) {
		const char *name = shell_commands[i].name;

		if (strlen(name) == (size_t)(end - line) && !strncmp(name, line, end - line)) {
			while (*end == ' ')
				end++;
			shell_call(&shell_commands[i], end);
			return;
		}
	}
	if (*line)
		shell_out("unknown command \"%s\"; try help\n", line);
}

static void shell_prompt(struct shell *shell)
{
	shell->len = 0;
	shell->write(SHELL_PROMPT, strlen(SHELL_PROMPT));
}

static void shell_erase(struct shell *shell)
{
	if (shell->len) {
		shell->len--;
		shell->write("\b \b", 3);
	}
}

static void shell_enter(struct shell *shell)
{
	shell->write("\n", 1);
	shell->line[shell->len] = '\0';
	shell_current = shell;
	shell_execute(shell->line);
	shell_prompt(shell);
}

static void shell_type(struct shell *shell, char c)
{
	switch (c) {
	case '\r':
	case '\n':
		shell_enter(shell);
		break;
	case '\b':
	case SHELL_DELETE:
		shell_erase(shell);
		break;
	case SHELL_CTRL_U:
		while (shell->len)
			shell_erase(shell);
		break;
	case SHELL_CTRL_C:
		shell->write("^C\n", 3);
		shell_prompt(shell);
		break;
	default:
		if (c >= ' ' && c < SHELL_DELETE && shell->len < sizeof(shell->line) - 1) {
			shell->line[shell->len++] = c;
			shell->write(&c, 1);
		}
	}
}

void shell_init(void)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		shell_prompt(&shells[i]);
}

void shell_poll(void)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		int c = input_getc(shells[i].source);

		if (c >= 0)
			shell_type(&shells[i], c);
	}
}

void shell_run(const char *commands)
{
	struct shell *shell = &shells[0];

	while (*commands) {
		while (*commands && *commands != ';')
			shell_type(shell, *commands++);
		shell_type(shell, '\n');
		if (*commands == ';')
			commands++;
	}
}
