/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of the machine that a guest cannot find by itself, and how to power off. */
DefinitionBlock ("", "DSDT", 2, "VITRIN", "VITRINE ", 1)
{
	/* SLP_TYP for PM1a_CNT: ACPI_S5_TYPE of acpi.h */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PIC)
		{
			Name (_HID, EisaId ("PNP0000"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0020, 0x0020, 0x00, 0x02)
				IO (Decode16, 0x00A0, 0x00A0, 0x00, 0x02)
				IO (Decode16, 0x04D0, 0x04D0, 0x00, 0x02)
				IRQNoFlags () { 2 }
			})
		}

		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0040, 0x0040, 0x00, 0x04)
				IRQNoFlags () { 0 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 0x00, 0x02)
				IRQNoFlags () { 8 }
			})
		}

		Device (KBD)
		{
			Name (_HID, EisaId ("PNP0303"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0060, 0x0060, 0x00, 0x01)
				IO (Decode16, 0x0064, 0x0064, 0x00, 0x01)
				IRQNoFlags () { 1 }
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
				IRQNoFlags () { 4 }
			})
		}

		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x02F8, 0x02F8, 0x00, 0x08)
				IRQNoFlags () { 3 }
			})
		}
	}
}
