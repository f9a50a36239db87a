/* Command lines as text: how recorded and printed commands are written and read back.
 *
 * A word that holds anything but letters, digits and -_./:=,+@% is put in double quotes, in which a backslash stands
 * before a double quote, a backslash, a dollar sign and a backquote: what POSIX shells read the same way (POSIX.1-2017,
 * Shell Command Language, 2.2.3), so that a printed command can be pasted. Reading takes that, single quotes as
 * well, and nothing else of a shell: no variables, no patterns. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#define WORDS_MAX 256

/* Appends the word, quoted where it must be, behind a blank when `out` holds something. */
void words_add(struct text *out, const char *word);
/* The words of `line`, NULL behind the last, in the arena. ERROR_SYNTAX: a quote without its end; ERROR_LIMIT: more
 * than WORDS_MAX words. */
int words_split(const char *line, struct arena *arena, char ***words, size_t *count, struct error *err);

#endif
