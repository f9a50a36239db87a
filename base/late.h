/* Libraries opened when one of their functions is first called, not when the program starts: most runs need none of
 * them, and loading OpenSSL, libarchive and libcurl takes four times as long as all the rest of a short command.
 *
 * Callers include the library's own header and call its functions as ever. One source per library holds a
 *
 *     struct late_library late_archive = {.file = "libarchive.so.13", .package = "libarchive13"};
 *     LATE_FUNCTION(late_archive, archive_read_new);
 *
 * with a line for each function the house calls; the program is linked with that source instead of with the library, so
 * that a function without a line is an undefined symbol. LATE_FUNCTION() makes the symbol: a jump through a slot, as in
 * the linker's own tables, and no slower. The slot first leads to late_resolve(), which opens the library, looks the
 * function up, fills the slot and goes on to the function with the arguments as they were. Only functions: a library's
 * variables cannot be had so.
 *
 * A library that is not there ends the program with a message naming its Debian package, as the loader would have done
 * at the start. Who wants an error instead asks late_open() before the first call. Libraries stay open.
 *
 * Written for x86-64. Elsewhere the libraries are linked (cmake/Dependencies.cmake) and the lists are empty. Any thread
 * may make the first call. */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include "base/error.h"

struct late_library {
    const char *file;    /* what the loader looks for */
    const char *package; /* Debian's */
    void *handle;        /* NULL until it is open */
};

/* Opens the library, or does nothing when that was done. ERROR_NOT_FOUND. */
int late_open(struct late_library *l, struct error *err);

/* The address of a function of a library that is used without its header and that many machines do not have: opens it
 * first, on any processor. Not among what late_open_all() opens. NULL: ERROR_NOT_FOUND. */
void *late_find(struct late_library *l, const char *function, struct error *err);

/* Opens every library of the program and fills every slot, for programs that cannot have it happen later, because they
 * go back to an earlier state of their memory (world/saved.h). */
int late_open_all(struct error *err);

#ifdef __x86_64__

/* A slot: where the function is (late_first until that is known), its library, its name. Lies in a section of its own,
 * so that late_open_all() finds all of them. */
#define LATE_FUNCTION(library, function)                                                                               \
    __asm__(".pushsection late_functions, \"aw\"\n"                                                                    \
            ".balign 8\n"                                                                                              \
            "late_slot_" #function ": .quad late_first_" #function ", " #library ", late_name_" #function "\n"         \
            ".popsection\n"                                                                                            \
            ".pushsection .rodata.late, \"a\"\n"                                                                       \
            "late_name_" #function ": .asciz \"" #function "\"\n"                                                      \
            ".popsection\n"                                                                                            \
            ".pushsection .text.late, \"ax\"\n"                                                                        \
            ".balign 16\n"                                                                                             \
            ".globl " #function "\n"                                                                                   \
            ".type " #function ", @function\n" #function ": .cfi_startproc\n"                                          \
            "endbr64\n"                                                                                                \
            "jmp *late_slot_" #function "(%rip)\n"                                                                     \
            "late_first_" #function ": endbr64\n"                                                                      \
            "lea late_slot_" #function "(%rip), %r11\n"                                                                \
            "jmp late_first\n"                                                                                         \
            ".cfi_endproc\n"                                                                                           \
            ".size " #function ", . - " #function "\n"                                                                 \
            ".popsection\n")

#else
#define LATE_FUNCTION(library, function) _Static_assert(1, "linked")
#endif

#endif
