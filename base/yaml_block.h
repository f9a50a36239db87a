/* What YAML's block scalars (| and >) say, by 8.1 of YAML 1.2.2.
 *
 * libfyaml 0.7.12 finds where a block begins and ends, and gives another text for some of them: a last line that no
 * line feed ends gets one, a folded block with blanks in its empty lines loses line feeds or has bytes that happened to
 * be in memory. So the reader asks libfyaml for the place, and this for the text. */
#ifndef BASE_YAML_BLOCK_H
#define BASE_YAML_BLOCK_H

#include "base/bytes.h"
#include "base/text.h"

/* Adds the text of the block whose | or > is at `at`, and returns the offset of the first line behind it (or the end of
 * `in`); 0 when that is no block's first line. `parent`: the column, from 0, of the list or map it is in; -1: none. */
size_t yaml_block(struct bytes in, size_t at, int parent, struct text *out);

#endif
