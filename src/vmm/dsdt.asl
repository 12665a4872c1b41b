/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of the machine that a guest cannot find by itself, and how to power off. */
DefinitionBlock ("", "DSDT", 2, "VITRIN", "VITRINE ", 1)
{
	/* SLP_TYP for PM1a_CNT: ACPI_S5_TYPE of acpi.h */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	/* Base and length of the 64-bit window: struct acpi_window of acpi.c, at ACPI_WINDOW_AT */
	OperationRegion (WIND, SystemMemory, 0x000EFF00, 0x10)
	Field (WIND, DWordAcc, NoLock, Preserve)
	{
		WBAS, 64,
		WLEN, 64
	}

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)
			/* Functions here have pin A alone; its line as pci_irq() of pci-irq.c has it. */
			Name (_PRT, Package ()
			{
				Package () { 0x0000FFFF, 0, 0, 10 },
				Package () { 0x0001FFFF, 0, 0, 11 },
				Package () { 0x0002FFFF, 0, 0, 10 },
				Package () { 0x0003FFFF, 0, 0, 11 },
				Package () { 0x0004FFFF, 0, 0, 10 },
				Package () { 0x0005FFFF, 0, 0, 11 },
				Package () { 0x0006FFFF, 0, 0, 10 },
				Package () { 0x0007FFFF, 0, 0, 11 },
				Package () { 0x0008FFFF, 0, 0, 10 },
				Package () { 0x0009FFFF, 0, 0, 11 },
				Package () { 0x000AFFFF, 0, 0, 10 },
				Package () { 0x000BFFFF, 0, 0, 11 },
				Package () { 0x000CFFFF, 0, 0, 10 },
				Package () { 0x000DFFFF, 0, 0, 11 },
				Package () { 0x000EFFFF, 0, 0, 10 },
				Package () { 0x000FFFFF, 0, 0, 11 },
				Package () { 0x0010FFFF, 0, 0, 10 },
				Package () { 0x0011FFFF, 0, 0, 11 },
				Package () { 0x0012FFFF, 0, 0, 10 },
				Package () { 0x0013FFFF, 0, 0, 11 },
				Package () { 0x0014FFFF, 0, 0, 10 },
				Package () { 0x0015FFFF, 0, 0, 11 },
				Package () { 0x0016FFFF, 0, 0, 10 },
				Package () { 0x0017FFFF, 0, 0, 11 },
				Package () { 0x0018FFFF, 0, 0, 10 },
				Package () { 0x0019FFFF, 0, 0, 11 },
				Package () { 0x001AFFFF, 0, 0, 10 },
				Package () { 0x001BFFFF, 0, 0, 11 },
				Package () { 0x001CFFFF, 0, 0, 10 },
				Package () { 0x001DFFFF, 0, 0, 11 },
				Package () { 0x001EFFFF, 0, 0, 10 },
				Package () { 0x001FFFFF, 0, 0, 11 }
			})
			Name (RES, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0000, 0x0CF7, 0, 0x0CF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0D00, 0xFFFF, 0, 0xF300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0x100000000, 0x1FFFFFFFF, 0, 0x100000000, , , W64)
			})

			Method (_CRS, 0, Serialized)
			{
				CreateQWordField (RES, ^W64._MIN, MIN)
				CreateQWordField (RES, ^W64._MAX, MAX)
				CreateQWordField (RES, ^W64._LEN, LEN)
				MIN = WBAS
				LEN = WLEN
				MAX = WBAS + WLEN - 1
				Return (RES)
			}

			/* The functions are conventional ones: there is nothing to hand over. */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (Arg0 != ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
				{
					CDW1 |= 0x04
					Return (Arg3)
				}
				CreateDWordField (Arg3, 8, CDW3)
				If (Arg1 != 1)
				{
					CDW1 |= 0x08
				}
				If (CDW3 != 0)
				{
					CDW1 |= 0x10
				}
				CDW3 = 0
				Return (Arg3)
			}
		}

		/* Taken, whoever asks: PCI's configuration space in memory, power management */
		Device (MRES)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
				IO (Decode16, 0x0600, 0x0600, 0x01, 0x0C)
			})
		}

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
