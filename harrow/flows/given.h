/* What flows are given on the command line: variables, files of variables, options of other tools. */
#ifndef HARROW_FLOWS_GIVEN_H
#define HARROW_FLOWS_GIVEN_H

#include "base/arena.h"
#include "base/array.h"
#include "e2e/import/import.h"
#include "harrow/commands.h"
#include "world/world.h"

struct given {
    struct import_settings settings;
    ARRAY(const char *) pairs, hurl; /* NULL-terminated when they are read: NAME=VALUE; options of hurl */
    struct arena arena;
};

/* Files first, then `variables`, which count more. A file is lines NAME=VALUE ("#" begins a comment), or JSON when its
 * name ends with .json: a map of names, or an environment of Postman. `environment`: what begins with HURL_ is a
 * variable of .hurl files. `w` may be NULL where there are no files. All texts of the lists are borrowed. Errors have
 * the place in the file. */
int given_read(struct given *g, struct world *w, const struct option_list *files, const struct option_list *variables,
               const struct option_list *hurl, char *const *environment, struct error *err);
void given_deinit(struct given *g);

#endif
