/* CRC-32C (Castagnoli's polynomial 0x1EDC6F41, reflected; as in iSCSI, RFC 3720 appendix B.4). */
#ifndef CHAOS_HISTORY_CRC32C_H
#define CHAOS_HISTORY_CRC32C_H

#include "base/bytes.h"

#include <stdint.h>

uint32_t crc32c(struct bytes data);

#endif
