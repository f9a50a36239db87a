/* HPACK's Huffman code, the writing side (RFC 7541, section 5.2 and appendix B). The code is canonical: codes of one
 * length are given out in the order of their symbols, so lengths are all there is to write down. */
#ifndef FUZZ_FRAMES_HUFFMAN_H
#define FUZZ_FRAMES_HUFFMAN_H

#include "base/bytes.h"
#include "base/text.h"

#define HUFFMAN_SYMBOLS 257 /* 256 is EOS, which must not be sent */
#define HUFFMAN_EOS     256

size_t huffman_size(struct bytes plain); /* bytes it takes */
/* Appends the code of `plain`, filled up with ones. */
void huffman_encode(struct bytes plain, struct text *out);

#endif
