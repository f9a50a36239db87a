/* The command as it was typed, for reports and replay commands. What it says of a secret is left out. */
#ifndef HARROW_RUN_COMMAND_LINE_H
#define HARROW_RUN_COMMAND_LINE_H

#include "base/text.h"

#define COMMAND_LINE_HIDDEN "(hidden)"

/* "harrow" and the words behind argv[0], quoted where they must be. Values of --variable, --metadata and --hurl whose
 * name is one of a secret (base/secret_name.h), what follows `user=` and `secret=` of --hurl, and the secrets in
 * addresses are COMMAND_LINE_HIDDEN, unless they are taken from the environment by harrow itself (${env.NAME}). */
void command_line_write(int argc, const char *const *argv, struct text *out);
/* One of its words, behind the word `before`, for commands that are put together: as words_add(). */
void command_line_add(struct text *line, const char *before, const char *word);
/* A text with the secrets of addresses in it left out in the same way. */
void command_line_address(const char *text, struct text *out);

#endif
