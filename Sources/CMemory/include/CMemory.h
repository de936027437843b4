// SPDX-License-Identifier: Apache-2.0
//
// What the GNU C library has beyond POSIX to give memory back. Elsewhere these do nothing.
#pragma once

/// Gives back the pages that hold nothing but freed memory.
void memory_give_back_heap(void);

/// Gives back the pages of the program and its libraries, which come again from their files when they are used.
void memory_give_back_program(void);
