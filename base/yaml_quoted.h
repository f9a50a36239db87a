/* What YAML's quoted scalars say, by 7.3.1, 7.3.2 and 5.7 of YAML 1.2.2.
 *
 * libfyaml 0.7.12 finds where a quoted scalar begins and ends, and gives another text for some of them: 'a '''' b' has
 * three quotes there and no b, and an escaped line end before an empty line, or a CR LF in front of the closing quote,
 * loses or adds characters. So the reader asks libfyaml for the place, and this for the text. */
#ifndef BASE_YAML_QUOTED_H
#define BASE_YAML_QUOTED_H

#include "base/bytes.h"
#include "base/text.h"

/* Adds the text of the scalar whose opening quote, ' or ", is at `at`, and returns the offset of its closing quote; 0
 * when there is none, or an escape YAML does not have. An escape that is no code point (half of a surrogate pair)
 * becomes a byte that is not UTF-8, for the caller to refuse. */
size_t yaml_quoted(struct bytes in, size_t at, struct text *out);

#endif
