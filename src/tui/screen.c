/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal, through curses: see screen.h. */
#include "tui/screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "tui/keys.h"

#define SCREEN_YANK_MAX	 49152 /* bytes of text: what common terminals take as base64 */
#define SCREEN_COLOURS	 17    /* 16, and the terminal's own */
#define SCREEN_RESTORE	 256
#define SCREEN_WHEEL	 3 /* rows a notch */
#define SCREEN_ALT_STACK 65536

struct screen {
	SCREEN *term;
	bool ascii, colour, bright;
	int rows, cols;
	struct cell *shown; /* rows * cols, what curses was last told */
	bool valid;	    /* SHOWN is right */
	short pair[SCREEN_COLOURS][SCREEN_COLOURS];
	short nr_pairs;
	int wake[2];
};

/*
 * What a signal handler needs to give the terminal back: made ready before it
 * is taken, so that nothing but write() and tcsetattr() is called then.
 */
static struct {
	volatile sig_atomic_t taken;
	struct termios termios;
	char text[SCREEN_RESTORE];
	size_t len;
	int wake_fd;
} screen_saved;

static const int screen_fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,  SIGABRT,
				    SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSYS };

/* Async-signal-safe. */
static void screen_restore(void)
{
	ssize_t n;

	if (!screen_saved.taken)
		return;
	screen_saved.taken = 0;
	n = write(STDOUT_FILENO, screen_saved.text, screen_saved.len);
	(void)n;
	tcsetattr(STDIN_FILENO, TCSANOW, &screen_saved.termios);
}

static void screen_on_fatal(int sig)
{
	screen_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void screen_on_resize(int sig)
{
	int saved = errno;
	ssize_t n = write(screen_saved.wake_fd, "", 1);

	(void)n;
	(void)sig;
	errno = saved;
}

static void screen_signals(void)
{
	static char stack[SCREEN_ALT_STACK];
	struct sigaction act = { .sa_handler = screen_on_fatal,
				 .sa_flags = SA_ONSTACK | SA_NODEFER };
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };

	sigaltstack(&alt, NULL);
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(screen_fatal) / sizeof(screen_fatal[0]); i++)
		sigaction(screen_fatal[i], &act, NULL);
	act.sa_handler = screen_on_resize;
	act.sa_flags = SA_RESTART;
	sigaction(SIGWINCH, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void screen_signals_default(void)
{
	for (size_t i = 0; i < sizeof(screen_fatal) / sizeof(screen_fatal[0]); i++)
		signal(screen_fatal[i], SIG_DFL);
	signal(SIGWINCH, SIG_DFL);
}

static void screen_save_text(const char *text)
{
	size_t len = text && text != (char *)-1 ? strlen(text) : 0;

	if (screen_saved.len + len > sizeof(screen_saved.text))
		return;
	memcpy(screen_saved.text + screen_saved.len, text, len);
	screen_saved.len += len;
}

/* The strings that undo what curses does: attributes, keypad, cursor, alternate screen. */
static void screen_save(void)
{
	static const char *const caps[] = { "sgr0", "rmkx", "cnorm", "rmcup" };

	screen_saved.len = 0;
	screen_save_text("\033[?2026l\033[?1000l\033[?1006l\033[?1007r");
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		screen_save_text(tigetstr(caps[i]));
	screen_save_text("\r");
	screen_saved.taken = 1;
}

/* Where nothing says what the terminal speaks, it is UTF-8 nowadays. */
static bool screen_locale(void)
{
	static const char *const vars[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	bool said = false;

	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
		const char *val = getenv(vars[i]);

		said |= val && val[0];
	}
	if (!setlocale(LC_CTYPE, said ? "" : "C.UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static int screen_wake_pipe(struct screen *scr, struct err *err)
{
	if (pipe2(scr->wake, O_NONBLOCK | O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	screen_saved.wake_fd = scr->wake[1];
	return 0;
}

/* Look at the terminal's type: one we can draw on, and what brings it back. */
static int screen_check_type(const char *name, struct err *err)
{
	int bad = 0, ret = 0;
	const char *cup;

	if (setupterm(NULL, STDOUT_FILENO, &bad) != OK)
		return err_set(err, ENOTSUP, "the terminal type '%s' is not known (TERM)", name);
	cup = tigetstr("cup");
	if (!cup || cup == (char *)-1)
		ret = err_set(err, ENOTSUP,
			      "a terminal of type '%s' has no cursor to place: `vitrine show` and "
			      "`vitrine monitor` do without",
			      name);
	else
		screen_save();
	del_curterm(cur_term); /* newterm() makes one of its own and forgets this one */
	return ret;
}

static int screen_start(struct screen *scr, const struct settings *set, struct err *err)
{
	const char *name = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	int ret = screen_check_type(name ? name : "", err);

	if (ret)
		return ret;
	screen_signals();
	scr->term = newterm(NULL, stdout, stdin);
	if (!scr->term) {
		screen_restore();
		return err_set(err, ENOTSUP, "the terminal type '%s' is not usable", name);
	}
	set_escdelay(25);
	raw();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	leaveok(stdscr, TRUE);
	if (set->mouse) {
		mouseinterval(0); /* a press is enough, nobody waits for a second one */
		mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	}
	scr->colour = has_colors() && !(no_colour && no_colour[0]) && set->colour != SETTINGS_OFF;
	if (scr->colour) {
		start_color();
		use_default_colors();
		scr->bright = COLORS >= 16;
	}
	return 0;
}

static int screen_remember(struct screen *scr)
{
	struct cell *shown;

	getmaxyx(stdscr, scr->rows, scr->cols);
	shown = calloc((size_t)scr->rows * (size_t)scr->cols, sizeof(*shown));
	if (!shown)
		return -ENOMEM;
	free(scr->shown);
	scr->shown = shown;
	scr->valid = false;
	return 0;
}

int screen_open(const struct settings *set, struct screen **out, struct err *err)
{
	struct screen *scr;
	int ret;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &screen_saved.termios) < 0)
		return err_set(err, ENOTTY,
			       "the dashboard needs a terminal on stdin and stdout "
			       "(--headless or --detach do without)");
	scr = calloc(1, sizeof(*scr));
	if (!scr)
		return err_sys(err, ENOMEM, "screen");
	scr->ascii = !screen_locale();
	if (set->ascii != SETTINGS_AUTO)
		scr->ascii = set->ascii == SETTINGS_ON;
	ret = screen_wake_pipe(scr, err);
	if (ret == 0)
		ret = screen_start(scr, set, err);
	if (ret < 0) {
		free(scr);
		return ret;
	}
	atexit(screen_restore);
	printf("\033[?1007s\033[?1007h"); /* the wheel scrolls; restored by ?1007r */
	if (screen_remember(scr) < 0) {
		screen_close(scr);
		return err_sys(err, ENOMEM, "screen");
	}
	*out = scr;
	return 0;
}

void screen_close(struct screen *scr)
{
	if (!scr)
		return;
	endwin();
	screen_restore();
	screen_signals_default();
	delscreen(scr->term);
	close(scr->wake[0]);
	close(scr->wake[1]);
	free(scr->shown);
	free(scr);
}

bool screen_ascii(const struct screen *scr)
{
	return scr->ascii;
}

void screen_size(const struct screen *scr, int *rows, int *cols)
{
	*rows = scr->rows;
	*cols = scr->cols;
}

int screen_key_fd(const struct screen *scr)
{
	(void)scr;
	return STDIN_FILENO;
}

int screen_wake_fd(const struct screen *scr)
{
	return scr->wake[0];
}

bool screen_resize(struct screen *scr)
{
	struct winsize win;
	char drop[64];

	while (read(scr->wake[0], drop, sizeof(drop)) > 0)
		;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &win) < 0 || !win.ws_row || !win.ws_col)
		return false;
	resizeterm(win.ws_row, win.ws_col);
	screen_remember(scr);
	return true;
}

static int screen_key_code(wint_t code)
{
	static const struct {
		wint_t curses;
		int key;
	} keys[] = {
		{ KEY_UP, VKEY_UP },
		{ KEY_DOWN, VKEY_DOWN },
		{ KEY_LEFT, VKEY_LEFT },
		{ KEY_RIGHT, VKEY_RIGHT },
		{ KEY_PPAGE, VKEY_PGUP },
		{ KEY_NPAGE, VKEY_PGDN },
		{ KEY_HOME, VKEY_HOME },
		{ KEY_END, VKEY_END },
		{ KEY_IC, VKEY_INSERT },
		{ KEY_DC, VKEY_DELETE },
		{ KEY_BACKSPACE, VKEY_BACKSPACE },
		{ KEY_ENTER, VKEY_ENTER },
		{ KEY_BTAB, VKEY_BTAB },
		{ KEY_RESIZE, VKEY_RESIZE },
		{ KEY_MOUSE, VKEY_MOUSE },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].curses == code)
			return keys[i].key;
	if (code >= KEY_F(1) && code <= KEY_F(12))
		return VKEY_F1 + (int)(code - KEY_F(1));
	return VKEY_RESIZE; /* of no use to anybody */
}

bool screen_mouse(struct screen *scr, struct screen_mouse *out)
{
	MEVENT event;

	(void)scr;
	if (getmouse(&event) != OK)
		return false;
	*out = (struct screen_mouse){ .row = event.y, .col = event.x };
	if (event.bstate & BUTTON4_PRESSED)
		out->wheel = -SCREEN_WHEEL;
	else if (event.bstate & BUTTON5_PRESSED)
		out->wheel = SCREEN_WHEEL;
	return true;
}

int screen_key(struct screen *scr)
{
	wint_t ch;

	(void)scr;
	switch (get_wch(&ch)) {
	case OK:
		return ch == 127 ? VKEY_BACKSPACE : (int)ch;
	case KEY_CODE_YES:
		return screen_key_code(ch);
	default:
		return -1;
	}
}

/* How each meaning looks: a colour in ANSI order (16: the terminal's own), and attributes. */
static const struct {
	uint8_t fg;
	attr_t attr, plain; /* with colours, without */
} screen_styles[STYLE_NR] = {
	[STYLE_NORMAL] = { 16, A_NORMAL, A_NORMAL },
	[STYLE_DIM] = { 16, A_DIM, A_DIM },
	[STYLE_TITLE] = { 16, A_BOLD, A_BOLD },
	[STYLE_KEY] = { 6, A_NORMAL, A_BOLD },
	[STYLE_CHANGED] = { 5, A_BOLD, A_BOLD },
	[STYLE_CURRENT] = { 3, A_BOLD, A_BOLD },
	[STYLE_GOOD] = { 2, A_NORMAL, A_NORMAL },
	[STYLE_WARN] = { 3, A_NORMAL, A_BOLD },
	[STYLE_BAD] = { 1, A_BOLD, A_BOLD },
	[STYLE_SYMBOL] = { 6, A_NORMAL, A_NORMAL },
	[STYLE_NUMBER] = { 16, A_NORMAL, A_NORMAL },
	[STYLE_BORDER] = { 16, A_DIM, A_DIM },
	[STYLE_SELECTED] = { 16, A_REVERSE, A_REVERSE },
};

/* The curses pair for two colours; made when first wanted, 0 when there are no more. */
static short screen_pair(struct screen *scr, unsigned int fg, unsigned int bg)
{
	short *pair = &scr->pair[fg][bg];

	if (fg == 16 && bg == 16)
		return 0;
	if (!*pair && scr->nr_pairs + 1 < COLOR_PAIRS) {
		*pair = ++scr->nr_pairs;
		init_pair(*pair, fg == 16 ? -1 : (short)fg, bg == 16 ? -1 : (short)bg);
	}
	return *pair;
}

/* With eight colours bold stands for bright ones. */
static attr_t screen_eight(const struct screen *scr, unsigned int *fg, unsigned int *bg)
{
	attr_t attr = 0;

	if (scr->bright)
		return 0;
	if (*fg >= 8 && *fg < 16) {
		*fg -= 8;
		attr = A_BOLD;
	}
	if (*bg >= 8 && *bg < 16)
		*bg -= 8;
	return attr;
}

/* VGA counts blue as 1 and red as 4, ANSI the other way round. */
static unsigned int screen_from_vga(unsigned int colour)
{
	return (colour & 0xa) | (colour >> 2 & 1) | (colour << 2 & 4);
}

static attr_t screen_look(struct screen *scr, const struct cell *cell, short *pair)
{
	unsigned int fg = 16, bg = 16;
	attr_t attr = 0;

	if (cell->style & STYLE_ANSI) {
		fg = STYLE_ANSI_FG(cell->style);
		bg = STYLE_ANSI_BG(cell->style);
	} else if (cell->style & STYLE_VGA) {
		fg = screen_from_vga(cell->style & 15);
		bg = screen_from_vga(cell->style >> 4 & 15);
	} else if (cell->style < STYLE_NR) {
		fg = screen_styles[cell->style].fg;
		attr = scr->colour ? screen_styles[cell->style].attr
				   : screen_styles[cell->style].plain;
	}
	fg = fg > 16 ? 16 : fg;
	bg = bg > 16 ? 16 : bg;
	*pair = 0;
	if (scr->colour) {
		attr |= screen_eight(scr, &fg, &bg);
		*pair = screen_pair(scr, fg, bg);
	} else if (cell->style & (STYLE_ANSI | STYLE_VGA)) {
		attr |= (fg >= 8 && fg < 16 ? A_BOLD : 0) | (bg != 0 && bg != 16 ? A_REVERSE : 0);
	}
	return attr;
}

static void screen_put(struct screen *scr, int row, int col, const struct cell *cell)
{
	wchar_t text[2] = { (wchar_t)cell->ch, 0 };
	attr_t attr;
	cchar_t out;
	short pair;

	if (!cell->ch)
		return;
	attr = screen_look(scr, cell, &pair);
	if (cell->attr & CELL_BOLD)
		attr |= A_BOLD;
	if (cell->attr & CELL_UNDERLINE)
		attr |= A_UNDERLINE;
	if (cell->attr & CELL_REVERSE)
		attr ^= A_REVERSE;
	setcchar(&out, text, attr, pair, NULL);
	mvadd_wch(row, col, &out);
}

static void screen_write(const char *text)
{
	ssize_t n = write(STDOUT_FILENO, text, strlen(text));

	(void)n;
}

/* Between ?2026h and l a terminal that knows it shows nothing half drawn; others pass over it. */
void screen_flush(struct screen *scr, const struct surface *sf)
{
	for (int row = 0; row < scr->rows; row++) {
		for (int col = 0; col < scr->cols; col++) {
			const struct cell *cell = surface_cell(sf, row, col);
			struct cell *was = &scr->shown[row * scr->cols + col];

			if (scr->valid && !memcmp(cell, was, sizeof(*cell)))
				continue;
			*was = *cell;
			screen_put(scr, row, col, cell);
		}
	}
	if (!scr->valid)
		redrawwin(stdscr);
	scr->valid = true;
	screen_write("\033[?2026h");
	refresh();
	screen_write("\033[?2026l");
}

void screen_invalidate(struct screen *scr)
{
	scr->valid = false;
}

void screen_yank(struct screen *scr, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	size_t len = strlen(text);

	(void)scr;
	if (len > SCREEN_YANK_MAX)
		len = SCREEN_YANK_MAX;
	fputs("\033]52;c;", stdout);
	for (size_t i = 0; i < len; i += 3) {
		unsigned int val = (unsigned int)p[i] << 16;

		val |= i + 1 < len ? (unsigned int)p[i + 1] << 8 : 0;
		val |= i + 2 < len ? p[i + 2] : 0;
		putchar(digits[val >> 18]);
		putchar(digits[val >> 12 & 63]);
		putchar(i + 1 < len ? digits[val >> 6 & 63] : '=');
		putchar(i + 2 < len ? digits[val & 63] : '=');
	}
	putchar('\007');
	fflush(stdout);
}
