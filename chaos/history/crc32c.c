#include "chaos/history/crc32c.h"

#include <stdbool.h>
#include <stddef.h>

#define POLYNOMIAL UINT32_C(0x82F63B78) /* bits reflected */

uint32_t crc32c(struct bytes data)
{
    static uint32_t table[256];
    static bool made;
    if (!made) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t x = i;
            for (int bit = 0; bit < 8; bit++)
                x = (x & 1) != 0 ? x >> 1 ^ POLYNOMIAL : x >> 1;
            table[i] = x;
        }
        made = true;
    }
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < data.len; i++)
        crc = table[(crc ^ data.data[i]) & 0xFF] ^ crc >> 8;
    return ~crc;
}
