/* What parsing, help and completion share: the way from the root of a command tree to one command. */
#ifndef BASE_OPTIONS_TREE_H
#define BASE_OPTIONS_TREE_H

#include "base/options.h"

#define COMMAND_DEPTH_MAX 8 /* levels of a command tree */

struct command_path {
    const struct command *commands[COMMAND_DEPTH_MAX]; /* the root first */
    int count;
};

/* False when `command` is not in the tree below `root`. */
bool command_path_find(const struct command *root, const struct command *command, struct command_path *out);
/* "harrow chaos run" */
void command_path_name(const struct command_path *p, struct text *out);
const struct command *command_child(const struct command *parent, const char *name);
/* What counts at `level` of the path: options of a command that runs by itself are not its children's. NULL: none. */
const struct option *command_path_options(const struct command_path *p, int level);

/* Turns words into the target's type and stores it. `origin` names what the value was given to: "--seed". */
int option_store(const struct option *o, const char *value, const char *origin, struct error *err);
/* A list's items live until command_cleanup(). */
int option_list_append(struct option_list *list, const char *value, struct error *err);

#endif
