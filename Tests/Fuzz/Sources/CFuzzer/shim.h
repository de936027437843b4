// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>

// libFuzzer's loop, which the toolchain has and no header declares.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test)(const uint8_t *bytes, size_t count));
