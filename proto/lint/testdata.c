#include "proto/lint/testdata.h"

#define EMBEDDED(name, file)                                                                                           \
    __asm__(".section .rodata\n"                                                                                       \
            ".balign 16\n" #name "_begin_:\n"                                                                          \
            ".incbin \"" file "\"\n" #name "_end_:\n"                                                                  \
            ".byte 0\n"                                                                                                \
            ".previous\n");                                                                                            \
    extern const uint8_t name##_begin_[], name##_end_[];                                                               \
    struct bytes name(void)                                                                                            \
    {                                                                                                                  \
        return BYTES(name##_begin_, (size_t)(name##_end_ - name##_begin_));                                            \
    }

EMBEDDED(lint_tree_set, LINT_TREE_SET)
EMBEDDED(lint_tree_allowed, LINT_FOLDER "/allowed.txt")
EMBEDDED(lint_bad_set, LINT_BAD_SET)
EMBEDDED(lint_bad_allowed, LINT_BAD "/allowed.txt")
EMBEDDED(lint_bad_findings, LINT_BAD "/findings.txt")
