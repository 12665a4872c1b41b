/* SPDX-License-Identifier: MIT */
/*
 * A small printf. It formats into a buffer and hands whole texts to the sinks, so that lines
 * of several processors do not mix.
 */
#include "print.h"

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"
#include "string.h"

struct print_out {
	char *buf;
	size_t size, len;
};

struct print_spec {
	bool left, zero;
	int width, precision, length;
};

static print_sink_t *print_sinks[4];
static struct spinlock print_lock;

static void print_char(struct print_out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void print_padded(struct print_out *out, const struct print_spec *spec, const char *text,
			 int len)
{
	int pad = spec->width > len ? spec->width - len : 0;

	if (!spec->left) {
		/* Zeros go between the sign and the digits. */
		if (spec->zero && len && *text == '-') {
			print_char(out, *text++);
			len--;
		}
		for (; pad; pad--)
			print_char(out, spec->zero ? '0' : ' ');
	}
	for (; len > 0; len--)
		print_char(out, *text++);
	for (; pad; pad--)
		print_char(out, ' ');
}

/* Divides in place and returns the remainder; 32-bit guests have no libgcc to do it for them. */
static unsigned int print_divide(uint64_t *value, unsigned int base)
{
#ifdef __x86_64__
	unsigned int rem = *value % base;

	*value /= base;
	return rem;
#else
	uint32_t hi = *value >> 32, lo = *value, rem = hi % base;

	__asm__("divl %4" : "=a"(lo), "=d"(rem) : "0"(lo), "1"(rem), "r"(base));
	*value = (uint64_t)(hi / base) << 32 | lo;
	return rem;
#endif
}

static void print_number(struct print_out *out, const struct print_spec *spec, uint64_t value,
			 unsigned int base, bool negative, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char buf[24];
	int i = sizeof(buf);

	do {
		buf[--i] = digits[print_divide(&value, base)];
	} while (value);
	if (negative)
		buf[--i] = '-';
	print_padded(out, spec, buf + i, sizeof(buf) - i);
}

static const char *print_parse_spec(const char *fmt, struct print_spec *spec, va_list *args)
{
	*spec = (struct print_spec){ .precision = -1 };
	for (;; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else if (*fmt == '0')
			spec->zero = true;
		else
			break;
	}
	if (*fmt == '*') {
		spec->width = va_arg(*args, int);
		fmt++;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		spec->width = spec->width * 10 + *fmt - '0';
	if (*fmt == '.') {
		spec->precision = 0;
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
			spec->precision = spec->precision * 10 + *fmt - '0';
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		spec->length += *fmt == 'z' ? sizeof(size_t) / sizeof(int) - 1 : 1;
	return fmt;
}

static uint64_t print_unsigned(const struct print_spec *spec, va_list *args)
{
	if (spec->length >= 2)
		return va_arg(*args, unsigned long long);
	return spec->length ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int);
}

static int64_t print_signed(const struct print_spec *spec, va_list *args)
{
	if (spec->length >= 2)
		return va_arg(*args, long long);
	return spec->length ? va_arg(*args, long) : va_arg(*args, int);
}

static void print_string(struct print_out *out, const struct print_spec *spec, const char *s)
{
	int len = 0;

	while (s[len] && (spec->precision < 0 || len < spec->precision))
		len++;
	print_padded(out, spec, s, len);
}

static void print_conversion(struct print_out *out, char conversion, struct print_spec *spec,
			     va_list *args)
{
	int64_t number;
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		number = print_signed(spec, args);
		print_number(out, spec, number < 0 ? -(uint64_t)number : (uint64_t)number, 10,
			     number < 0, false);
		break;
	case 'u':
		print_number(out, spec, print_unsigned(spec, args), 10, false, false);
		break;
	case 'x':
	case 'X':
		print_number(out, spec, print_unsigned(spec, args), 16, false, conversion == 'X');
		break;
	case 'p':
		spec->zero = true;
		spec->width = 2 * sizeof(void *);
		print_number(out, spec, (uintptr_t)va_arg(*args, void *), 16, false, false);
		break;
	case 's':
		print_string(out, spec, va_arg(*args, const char *));
		break;
	case 'c':
		c = va_arg(*args, int);
		print_padded(out, spec, &c, 1);
		break;
	default:
		print_char(out, conversion);
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct print_out out = { .buf = buf, .size = size };
	struct print_spec spec;
	va_list copy;

	va_copy(copy, args);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			print_char(&out, *fmt);
			continue;
		}
		fmt = print_parse_spec(fmt + 1, &spec, &copy);
		if (!*fmt)
			break;
		print_conversion(&out, *fmt, &spec, &copy);
	}
	va_end(copy);
	if (size)
		buf[out.len < size ? out.len : size - 1] = '\0';
	return out.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}

void printf(const char *fmt, ...)
{
	char buf[256];
	va_list args;
	uintptr_t flags;
	size_t len;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	len = strlen(buf);
	flags = spin_lock(&print_lock);
	for (size_t i = 0; i < sizeof(print_sinks) / sizeof(*print_sinks) && print_sinks[i]; i++)
		print_sinks[i](buf, len);
	spin_unlock(&print_lock, flags);
}

void print_sink_add(print_sink_t *sink)
{
	for (size_t i = 0; i < sizeof(print_sinks) / sizeof(*print_sinks); i++) {
		if (!print_sinks[i]) {
			print_sinks[i] = sink;
			return;
		}
	}
}
