/* The descriptor set of health and reflection, embedded at build time, so that reflection can describe itself. */
#include "rpc/server_internal.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        "rpc_contracts_begin_:\n"
        ".incbin \"" RPC_CONTRACTS_FILE "\"\n"
        "rpc_contracts_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t rpc_contracts_begin_[], rpc_contracts_end_[];

struct bytes rpc_contracts(void)
{
    return BYTES(rpc_contracts_begin_, (size_t)(rpc_contracts_end_ - rpc_contracts_begin_));
}
