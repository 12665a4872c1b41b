/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A serial port (National Semiconductor PC16550D data sheet). The
 * transmitter is infinitely fast; the receiver takes from a bounded backlog
 * that stands for a sender who honours flow control: a byte enters the FIFO
 * when the guest listens (receive interrupt on, or polling), and goes back when
 * the guest clears the FIFO while setting up. So piped input is never lost.
 */
#include "vmm/dev/uart.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define UART_FIFO    16
#define UART_BACKLOG 4096 /* the last UART_FIFO bytes are for what comes back from the FIFO */
#define UART_POLLS   4	  /* looks at the line status after which a guest is polling */

#define UART_HZ		    1843200u
#define UART_CHAR_BITS	    10
#define UART_TIMEOUT_CHARS  4
#define UART_TIMEOUT_MAX_NS 10000000ull /* whatever the baud rate: nobody waits at 50 baud */

enum {
	UART_RBR = 0, /* read; write: THR; DLAB: DLL */
	UART_IER = 1, /* DLAB: DLM */
	UART_IIR = 2, /* write: FCR */
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define UART_IER_RDI  0x01
#define UART_IER_THRI 0x02
#define UART_IER_RLSI 0x04
#define UART_IER_MSI  0x08
#define UART_IER_ALL  0x0f

#define UART_IIR_NONE	 0x01
#define UART_IIR_MSI	 0x00
#define UART_IIR_THRI	 0x02
#define UART_IIR_RDI	 0x04
#define UART_IIR_RLSI	 0x06
#define UART_IIR_TIMEOUT 0x0c
#define UART_IIR_FIFO	 0xc0

#define UART_FCR_ENABLE	  0x01
#define UART_FCR_CLEAR_RX 0x02
#define UART_FCR_KEPT	  0xc9

#define UART_LCR_STOP	0x04
#define UART_LCR_PARITY 0x08
#define UART_LCR_EVEN	0x10
#define UART_LCR_DLAB	0x80

#define UART_MCR_DTR  0x01
#define UART_MCR_RTS  0x02
#define UART_MCR_OUT1 0x04
#define UART_MCR_OUT2 0x08 /* on a PC: the gate between interrupt output and line */
#define UART_MCR_LOOP 0x10
#define UART_MCR_ALL  0x1f

#define UART_LSR_DR	0x01
#define UART_LSR_OE	0x02
#define UART_LSR_ERRORS 0x1e
#define UART_LSR_THRE	0x20
#define UART_LSR_TEMT	0x40

#define UART_MSR_TERI  0x04
#define UART_MSR_DELTA 0x0f
#define UART_MSR_CTS   0x10
#define UART_MSR_DSR   0x20
#define UART_MSR_RI    0x40
#define UART_MSR_DCD   0x80
#define UART_MSR_LINES 0xf0

struct uart {
	const struct dev_env *env;
	const struct device_ops *ops;
	unsigned int index, gsi;
	struct dev_timer *timer; /* character timeout */

	pthread_mutex_t lock; /* everything below */
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
	uint8_t last;	   /* what an empty receiver reads */
	bool thre_pending; /* the transmitter became empty and nobody has read so */
	bool timeout_pending;
	bool timer_armed;
	bool level;	       /* of the interrupt line */
	uint64_t timeout_ns;   /* when the character timeout is due, 0: never */
	unsigned int nr_polls; /* times the guest saw no data since it last set the port up */
	bool fifo_looped;      /* the FIFO holds the guest's own bytes */
	uint8_t fifo[UART_FIFO];
	unsigned int fifo_head, fifo_nr;
	uint8_t backlog[UART_BACKLOG];
	unsigned int backlog_head, backlog_nr;
	uint64_t nr_sent, nr_received, nr_overruns;
};

/* --- interrupts --- */

static unsigned int uart_trigger(const struct uart *uart)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return uart->fcr & UART_FCR_ENABLE ? level[uart->fcr >> 6] : 1;
}

/* The highest pending interrupt, or UART_IIR_NONE. */
static uint8_t uart_iir_locked(const struct uart *uart)
{
	if (uart->ier & UART_IER_RLSI && uart->lsr & UART_LSR_ERRORS)
		return UART_IIR_RLSI;
	if (uart->ier & UART_IER_RDI && uart->fifo_nr >= uart_trigger(uart))
		return UART_IIR_RDI;
	if (uart->ier & UART_IER_RDI && uart->timeout_pending)
		return UART_IIR_TIMEOUT;
	if (uart->ier & UART_IER_THRI && uart->thre_pending)
		return UART_IIR_THRI;
	if (uart->ier & UART_IER_MSI && uart->msr & UART_MSR_DELTA)
		return UART_IIR_MSI;
	return UART_IIR_NONE;
}

static void uart_update_locked(struct uart *uart)
{
	bool level = uart->mcr & UART_MCR_OUT2 && uart_iir_locked(uart) != UART_IIR_NONE;

	if (level == uart->level)
		return;
	uart->level = level;
	uart->env->irq_set(uart->env->ctx, uart->gsi, level);
}

static uint64_t uart_timeout_span(const struct uart *uart)
{
	unsigned int divisor = uart->dll | uart->dlm << 8;
	uint64_t span =
		(uint64_t)UART_TIMEOUT_CHARS * UART_CHAR_BITS * 16 * divisor * 1000000000 / UART_HZ;

	return divisor && span < UART_TIMEOUT_MAX_NS ? span : UART_TIMEOUT_MAX_NS;
}

static void uart_timer_arm_locked(struct uart *uart)
{
	uart->timer_armed = true;
	uart->env->timer_arm(uart->timer, uart->timeout_ns);
}

/*
 * The receiver took or gave a byte: the timeout starts anew where there is
 * something below the trigger level to wait for. A timer that is armed for an
 * earlier time is left alone, and finds out when it runs.
 */
static void uart_rx_changed_locked(struct uart *uart)
{
	uart->timeout_pending = false;
	uart->timeout_ns = 0;
	if (uart->fifo_nr)
		uart->lsr |= UART_LSR_DR;
	else
		uart->lsr &= (uint8_t)~UART_LSR_DR;
	if (!(uart->fcr & UART_FCR_ENABLE) || !(uart->ier & UART_IER_RDI) || !uart->fifo_nr ||
	    uart->fifo_nr >= uart_trigger(uart))
		return;
	uart->timeout_ns = uart->env->now_ns(uart->env->ctx) + uart_timeout_span(uart);
	if (!uart->timer_armed)
		uart_timer_arm_locked(uart);
}

static void uart_timer(void *arg)
{
	struct uart *uart = arg;

	pthread_mutex_lock(&uart->lock);
	uart->timer_armed = false;
	if (uart->timeout_ns && uart->env->now_ns(uart->env->ctx) < uart->timeout_ns) {
		uart_timer_arm_locked(uart);
	} else if (uart->timeout_ns) {
		uart->timeout_ns = 0;
		uart->timeout_pending = true;
		uart_update_locked(uart);
	}
	pthread_mutex_unlock(&uart->lock);
}

/* --- receiver --- */

static unsigned int uart_capacity(const struct uart *uart)
{
	return uart->fcr & UART_FCR_ENABLE ? UART_FIFO : 1;
}

static void uart_fifo_push_locked(struct uart *uart, uint8_t byte)
{
	uart->fifo[(uart->fifo_head + uart->fifo_nr++) % UART_FIFO] = byte;
}

static void uart_refill_locked(struct uart *uart)
{
	bool took = false;

	if (uart->mcr & UART_MCR_LOOP)
		return;
	while (uart->backlog_nr && uart->fifo_nr < uart_capacity(uart)) {
		uart_fifo_push_locked(uart, uart->backlog[uart->backlog_head]);
		uart->backlog_head = (uart->backlog_head + 1) % UART_BACKLOG;
		uart->backlog_nr--;
		took = true;
	}
	if (took)
		uart_rx_changed_locked(uart);
}

/* Empty the FIFO; what came from outside goes back to the front of the backlog. */
static void uart_fifo_clear_locked(struct uart *uart)
{
	while (uart->fifo_nr) {
		uart->fifo_nr--;
		if (uart->fifo_looped)
			continue;
		uart->backlog_head = (uart->backlog_head + UART_BACKLOG - 1) % UART_BACKLOG;
		uart->backlog[uart->backlog_head] =
			uart->fifo[(uart->fifo_head + uart->fifo_nr) % UART_FIFO];
		uart->backlog_nr++;
	}
	uart->fifo_looped = false;
	uart_rx_changed_locked(uart);
}

/* A byte of the guest's own comes back through the loop. */
static void uart_loop_locked(struct uart *uart, uint8_t byte)
{
	uart->fifo_looped = true;
	if (uart->fifo_nr < uart_capacity(uart)) {
		uart_fifo_push_locked(uart, byte);
	} else {
		/* Without the FIFO the new byte overwrites the old, with it the new one is lost. */
		if (!(uart->fcr & UART_FCR_ENABLE))
			uart->fifo[uart->fifo_head] = byte;
		uart->lsr |= UART_LSR_OE;
		uart->nr_overruns++;
	}
	uart_rx_changed_locked(uart);
}

static uint8_t uart_read_rbr_locked(struct uart *uart)
{
	if (!uart->fifo_nr) {
		uart->nr_polls = 0; /* clearing the register for luck */
		return uart->last;
	}
	uart->last = uart->fifo[uart->fifo_head];
	uart->fifo_head = (uart->fifo_head + 1) % UART_FIFO;
	uart->fifo_nr--;
	if (!uart->fifo_looped)
		uart->nr_received++;
	if (!uart->fifo_nr)
		uart->fifo_looped = false;
	uart_rx_changed_locked(uart);
	uart_refill_locked(uart);
	return uart->last;
}

size_t uart_input(void *state, const uint8_t *data, size_t len)
{
	struct uart *uart = state;
	size_t done;

	pthread_mutex_lock(&uart->lock);
	for (done = 0; done < len && uart->backlog_nr < UART_BACKLOG - UART_FIFO; done++) {
		uart->backlog[(uart->backlog_head + uart->backlog_nr) % UART_BACKLOG] = data[done];
		uart->backlog_nr++;
	}
	if (uart->ier & UART_IER_RDI) {
		uart_refill_locked(uart);
		uart_update_locked(uart);
	}
	pthread_mutex_unlock(&uart->lock);
	return done;
}

/* --- registers --- */

/* What the modem inputs are: a modem that is always ready, or our own outputs in the loop. */
static uint8_t uart_lines(uint8_t mcr)
{
	if (!(mcr & UART_MCR_LOOP))
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
	return (uint8_t)((mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
			 (mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
			 (mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
			 (mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static void uart_write_mcr_locked(struct uart *uart, uint8_t val)
{
	uint8_t old = uart->msr & UART_MSR_LINES;
	uint8_t now = uart_lines(val);
	uint8_t delta = (uint8_t)((old ^ now) >> 4);

	/* RI counts its trailing edge only. */
	if (now & UART_MSR_RI)
		delta &= (uint8_t)~UART_MSR_TERI;
	if (val & ~uart->mcr & UART_MCR_LOOP)
		uart_fifo_clear_locked(uart);
	uart->mcr = val & UART_MCR_ALL;
	uart->msr = (uint8_t)((uart->msr & UART_MSR_DELTA) | delta | now);
	if (uart->ier & UART_IER_RDI)
		uart_refill_locked(uart);
}

static void uart_write_fcr_locked(struct uart *uart, uint8_t val)
{
	if ((val ^ uart->fcr) & UART_FCR_ENABLE || val & UART_FCR_CLEAR_RX)
		uart_fifo_clear_locked(uart);
	/* The other bits count only together with the enable bit. */
	uart->fcr = val & UART_FCR_ENABLE ? val & UART_FCR_KEPT : 0;
	uart_rx_changed_locked(uart);
	if (uart->ier & UART_IER_RDI)
		uart_refill_locked(uart);
}

static void uart_write_ier_locked(struct uart *uart, uint8_t val)
{
	uint8_t rising = val & (uint8_t)~uart->ier;

	uart->ier = val & UART_IER_ALL;
	/* The transmitter is empty always, so enabling its interrupt raises it. */
	if (rising & UART_IER_THRI)
		uart->thre_pending = true;
	if (rising & UART_IER_RDI) {
		uart_refill_locked(uart);
		uart_rx_changed_locked(uart);
	}
}

/* Returns true if the byte leaves the machine. */
static bool uart_write_thr_locked(struct uart *uart, uint8_t val)
{
	/* Filled, so the interrupt falls; sent in no time, so it rises: the line must show both. */
	uart->thre_pending = false;
	uart_update_locked(uart);
	uart->thre_pending = true;
	if (uart->mcr & UART_MCR_LOOP) {
		uart_loop_locked(uart, val);
		return false;
	}
	uart->nr_sent++;
	return true;
}

static bool uart_write_locked(struct uart *uart, unsigned int reg, uint8_t val)
{
	bool dlab = uart->lcr & UART_LCR_DLAB;
	bool sends = false;

	if (reg != UART_RBR && reg != UART_SCR)
		uart->nr_polls = 0;
	switch (reg) {
	case UART_RBR:
		if (dlab)
			uart->dll = val;
		else
			sends = uart_write_thr_locked(uart, val);
		break;
	case UART_IER:
		if (dlab)
			uart->dlm = val;
		else
			uart_write_ier_locked(uart, val);
		break;
	case UART_IIR:
		uart_write_fcr_locked(uart, val);
		break;
	case UART_LCR:
		uart->lcr = val;
		break;
	case UART_MCR:
		uart_write_mcr_locked(uart, val);
		break;
	case UART_SCR:
		uart->scr = val;
		break;
	}
	uart_update_locked(uart);
	return sends;
}

static uint8_t uart_read_iir_locked(struct uart *uart)
{
	uint8_t iir = uart_iir_locked(uart);

	if (iir == UART_IIR_THRI)
		uart->thre_pending = false;
	return uart->fcr & UART_FCR_ENABLE ? iir | UART_IIR_FIFO : iir;
}

static uint8_t uart_read_lsr_locked(struct uart *uart)
{
	uint8_t lsr = uart->lsr | UART_LSR_THRE | UART_LSR_TEMT;

	uart->lsr &= (uint8_t)~UART_LSR_ERRORS;
	/* Drivers look once or twice while they set up; who looks on is polling. */
	if (!uart->fifo_nr && ++uart->nr_polls >= UART_POLLS) {
		uart->nr_polls = UART_POLLS;
		uart_refill_locked(uart);
	}
	return lsr;
}

static uint8_t uart_read_msr_locked(struct uart *uart)
{
	uint8_t msr = uart->msr;

	uart->msr &= UART_MSR_LINES;
	return msr;
}

static uint8_t uart_read_locked(struct uart *uart, unsigned int reg)
{
	bool dlab = uart->lcr & UART_LCR_DLAB;
	uint8_t val = 0xff;

	switch (reg) {
	case UART_RBR:
		val = dlab ? uart->dll : uart_read_rbr_locked(uart);
		break;
	case UART_IER:
		val = dlab ? uart->dlm : uart->ier;
		break;
	case UART_IIR:
		val = uart_read_iir_locked(uart);
		break;
	case UART_LCR:
		val = uart->lcr;
		break;
	case UART_MCR:
		val = uart->mcr;
		break;
	case UART_LSR:
		val = uart_read_lsr_locked(uart);
		break;
	case UART_MSR:
		val = uart_read_msr_locked(uart);
		break;
	case UART_SCR:
		val = uart->scr;
		break;
	}
	uart_update_locked(uart);
	return val;
}

static void uart_io(void *opaque, struct bus_access *acc)
{
	struct uart *uart = opaque;
	uint8_t byte = (uint8_t)acc->data;
	bool sends = false;

	if (acc->size > 1) {
		bus_split(acc, 1, uart_io, opaque);
		return;
	}
	pthread_mutex_lock(&uart->lock);
	if (acc->write)
		sends = uart_write_locked(uart, (unsigned int)acc->off, byte);
	else
		acc->data = uart_read_locked(uart, (unsigned int)acc->off);
	pthread_mutex_unlock(&uart->lock);
	/* Outside the lock: whoever takes the output may have locks of its own. */
	if (sends)
		uart->env->serial_out(uart->env->ctx, uart->index, &byte, 1);
}

/* --- life --- */

static void uart_reset(void *state)
{
	struct uart *uart = state;

	pthread_mutex_lock(&uart->lock);
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = uart->lsr = uart->last = 0;
	uart->dll = 12; /* 9600, as firmware leaves it */
	uart->dlm = 0;
	uart->msr = uart_lines(0);
	uart->thre_pending = uart->fifo_looped = false;
	uart->fifo_head = uart->fifo_nr = 0;
	uart->backlog_head = uart->backlog_nr = 0;
	uart->nr_polls = 0;
	uart_rx_changed_locked(uart);
	uart_update_locked(uart);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_exit(void *state)
{
	struct uart *uart = state;

	bus_unregister(uart->env->bus, uart);
	if (uart->timer)
		uart->env->timer_free(uart->timer);
	pthread_mutex_destroy(&uart->lock);
	free(uart);
}

static int uart_init(const struct dev_env *env, const struct device_ops *ops, unsigned int index,
		     uint16_t port, unsigned int gsi, void **state, struct err *err)
{
	struct dev_ports ports = { port, 8, ops->name };
	struct uart *uart = calloc(1, sizeof(*uart));
	int ret = 0;

	if (!uart)
		return err_sys(err, ENOMEM, "%s", ops->name);
	uart->env = env;
	uart->ops = ops;
	uart->index = index;
	uart->gsi = gsi;
	pthread_mutex_init(&uart->lock, NULL);
	uart->timer = env->timer_new(env->ctx, uart_timer, uart);
	if (!uart->timer)
		ret = err_sys(err, ENOMEM, "%s", ops->name);
	if (!ret)
		ret = dev_claim_ports(env, &ports, 1, uart_io, uart, err);
	if (ret) {
		uart_exit(uart);
		return ret;
	}
	uart_reset(uart);
	*state = uart;
	return 0;
}

static int uart0_init(const struct dev_env *env, void **state, struct err *err)
{
	return uart_init(env, &uart0_ops, 0, 0x3f8, 4, state, err);
}

static int uart1_init(const struct dev_env *env, void **state, struct err *err)
{
	return uart_init(env, &uart1_ops, 1, 0x2f8, 3, state, err);
}

static const char *uart_iir_text(uint8_t iir)
{
	switch (iir) {
	case UART_IIR_RLSI:
		return "line status";
	case UART_IIR_RDI:
		return "data received";
	case UART_IIR_TIMEOUT:
		return "receive timeout";
	case UART_IIR_THRI:
		return "transmitter empty";
	case UART_IIR_MSI:
		return "modem status";
	}
	return "none";
}

static void uart_describe(void *state, struct dev_rows *rows)
{
	struct uart *uart = state;
	unsigned int divisor;
	uint8_t iir;

	pthread_mutex_lock(&uart->lock);
	divisor = uart->dll | uart->dlm << 8;
	iir = uart_iir_locked(uart);
	dev_row(rows, "line", "%u %d%c%d%s", divisor ? UART_HZ / 16 / divisor : 0,
		5 + (uart->lcr & 3),
		!(uart->lcr & UART_LCR_PARITY) ? 'N'
		: uart->lcr & UART_LCR_EVEN    ? 'E'
					       : 'O',
		uart->lcr & UART_LCR_STOP ? 2 : 1, uart->mcr & UART_MCR_LOOP ? ", loopback" : "");
	dev_row(rows, "receiver", "FIFO %s, trigger %u, %u held, %u waiting",
		uart->fcr & UART_FCR_ENABLE ? "on" : "off", uart_trigger(uart), uart->fifo_nr,
		uart->backlog_nr);
	dev_row(rows, "interrupt", "%s, line %u %s%s", uart_iir_text(iir), uart->gsi,
		uart->level ? "high" : "low",
		iir != UART_IIR_NONE && !(uart->mcr & UART_MCR_OUT2) ? " (gated: OUT2 is off)"
								     : "");
	dev_row(rows, "registers", "IER %02x LCR %02x MCR %02x LSR %02x MSR %02x SCR %02x",
		uart->ier, uart->lcr, uart->mcr, uart->lsr | UART_LSR_THRE | UART_LSR_TEMT,
		uart->msr, uart->scr);
	dev_row(rows, "sent", "%" PRIu64 " bytes", uart->nr_sent);
	dev_row(rows, "received", "%" PRIu64 " bytes, %" PRIu64 " overruns", uart->nr_received,
		uart->nr_overruns);
	pthread_mutex_unlock(&uart->lock);
}

static void uart_save(void *state, struct buf *out)
{
	struct uart *uart = state;
	unsigned int i;

	pthread_mutex_lock(&uart->lock);
	dev_save_u8(out, uart->ier);
	dev_save_u8(out, uart->fcr);
	dev_save_u8(out, uart->lcr);
	dev_save_u8(out, uart->mcr);
	dev_save_u8(out, uart->lsr);
	dev_save_u8(out, uart->msr);
	dev_save_u8(out, uart->scr);
	dev_save_u8(out, uart->dll);
	dev_save_u8(out, uart->dlm);
	dev_save_u8(out, uart->last);
	dev_save_u8(out, uart->thre_pending);
	dev_save_u8(out, uart->timeout_pending);
	dev_save_u8(out, uart->fifo_looped);
	dev_save_u8(out, (uint8_t)uart->fifo_nr);
	for (i = 0; i < UART_FIFO; i++)
		dev_save_u8(out, uart->fifo[(uart->fifo_head + i) % UART_FIFO]);
	dev_save_u64(out, uart->nr_sent);
	dev_save_u64(out, uart->nr_received);
	dev_save_u64(out, uart->nr_overruns);
	pthread_mutex_unlock(&uart->lock);
}

static int uart_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct uart *uart = state;
	bool timeout;

	pthread_mutex_lock(&uart->lock);
	uart->ier = dev_load_u8(in) & UART_IER_ALL;
	uart->fcr = dev_load_u8(in) & UART_FCR_KEPT;
	uart->lcr = dev_load_u8(in);
	uart->mcr = dev_load_u8(in) & UART_MCR_ALL;
	uart->lsr = dev_load_u8(in) & (UART_LSR_ERRORS | UART_LSR_DR);
	uart->msr = dev_load_u8(in);
	uart->scr = dev_load_u8(in);
	uart->dll = dev_load_u8(in);
	uart->dlm = dev_load_u8(in);
	uart->last = dev_load_u8(in);
	uart->thre_pending = dev_load_u8(in);
	timeout = dev_load_u8(in);
	uart->fifo_looped = dev_load_u8(in);
	uart->fifo_head = 0;
	uart->fifo_nr = dev_load_u8(in);
	if (uart->fifo_nr > uart_capacity(uart))
		uart->fifo_nr = uart_capacity(uart);
	dev_load_bytes(in, uart->fifo, UART_FIFO);
	uart->nr_sent = dev_load_u64(in);
	uart->nr_received = dev_load_u64(in);
	uart->nr_overruns = dev_load_u64(in);
	/* The backlog is the outside world's and stays as it is. */
	uart->nr_polls = 0;
	uart_rx_changed_locked(uart);
	uart->timeout_pending = timeout && uart->fifo_nr;
	uart_update_locked(uart);
	pthread_mutex_unlock(&uart->lock);
	return dev_load_end(in, uart->ops->name, err);
}

const struct device_ops uart0_ops = {
	.name = "uart0",
	.init = uart0_init,
	.reset = uart_reset,
	.exit = uart_exit,
	.describe = uart_describe,
	.save = uart_save,
	.load = uart_load,
};

const struct device_ops uart1_ops = {
	.name = "uart1",
	.init = uart1_init,
	.reset = uart_reset,
	.exit = uart_exit,
	.describe = uart_describe,
	.save = uart_save,
	.load = uart_load,
};
