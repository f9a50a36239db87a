/* The command as it was typed, for reports and replay commands. What it says of a secret is left out. */
#ifndef HARROW_RUN_COMMAND_LINE_H
#define HARROW_RUN_COMMAND_LINE_H

#include "base/text.h"

#define COMMAND_LINE_HIDDEN "(hidden)"

/* "harrow" and the words behind argv[0], quoted where they must be. Values of --variable, --metadata and --hurl whose
 * name has token, secret, password, authorization, cookie or api-key in it, and what follows `user=` and `secret=` of
 * --hurl, are COMMAND_LINE_HIDDEN, unless they are taken from the environment by harrow itself (${env.NAME}). */
void command_line_write(int argc, const char *const *argv, struct text *out);

#endif
