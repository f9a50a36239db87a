/* What is found out about a target before the first case: words its program holds that look like names of metadata
 * (lower case, with a hyphen: a program that reads a name has it among its constants), words that may be names of other
 * things (members of stored forms, reserved names), and which of its components hand calls of others' methods on, as
 * proxies do. All go into the cases that are made. */
#ifndef FUZZ_LIVE_KNOWN_H
#define FUZZ_LIVE_KNOWN_H

#include "base/arena.h"
#include "base/array.h"
#include "base/bytes.h"

#define KNOWN_NAMES_MAX  2000
#define KNOWN_WORDS_MAX  8000
#define KNOWN_RELAYS_MAX 16
#define KNOWN_FILE_MAX   ((size_t)256 << 20) /* bytes of a program that is looked through */

struct known {
    struct arena arena;
    ARRAY(const char *) names, words;
    ARRAY(const char *) relays;
};

struct engine;
/* What cannot be found out is not known: nothing here fails. Runs the loop. */
void known_find(struct known *k, struct engine *e);
void known_deinit(struct known *k);
/* Names and words among a program's constants, each once: of an ELF file in what it loads, else anywhere. */
void known_names(struct known *k, struct bytes program);

#endif
