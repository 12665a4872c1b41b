#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every guest of expect.txt.
exec "$(dirname "$0")/run" "$VITRINE_BUILD/vitrine" "$VITRINE_BUILD/guests"
