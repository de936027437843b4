// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CMemory.h"

#ifdef __linux__
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

static int give_back_object(struct dl_phdr_info *object, size_t size, void *page_size) {
    ElfW(Addr) page = *(ElfW(Addr) *)page_size;
    (void)size;
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[index];
        // What is written, if only while it is loaded, is not what the file has.
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) continue;
        ElfW(Addr) begin = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        ElfW(Addr) end = (object->dlpi_addr + part->p_vaddr + part->p_memsz) & ~(page - 1);
        if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 0;
}

void memory_give_back_program(void) {
    ElfW(Addr) page = (ElfW(Addr))sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(give_back_object, &page);
}
#else
void memory_give_back_program(void) {}
#endif

#ifdef __GLIBC__
#include <malloc.h>

void memory_give_back_heap(void) { malloc_trim(0); }
#else
void memory_give_back_heap(void) {}
#endif
