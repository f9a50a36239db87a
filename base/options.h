/* Command lines from one table: parsing, --help, and shell completion all come from it.
 *
 * A program is a tree of `struct command`; a command has children, a run function, or both: then the first word decides
 * whether it is a child's name. Options of a parent are accepted by its children, unless the parent runs by itself.
 * Forms: --name value, --name=value, -n value, -nvalue, --flag, --no-flag, `--` ends options. A misspelt option or
 * command is answered with the nearest right one. --help (-h) works at every level. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* target: bool */
    OPTION_TEXT,     /* target: const char * */
    OPTION_INTEGER,  /* target: int64_t, checked against min and max when max > min */
    OPTION_SEED,     /* target: uint64_t, decimal or 0x hexadecimal */
    OPTION_DURATION, /* target: int64_t nanoseconds */
    OPTION_SIZE,     /* target: uint64_t bytes */
    OPTION_CHOICE,   /* target: const char *, one of `choices` */
    OPTION_LIST,     /* target: struct option_list; may be given several times */
};

struct option_list {
    const char **items;
    size_t count;
};

struct option {
    const char *name; /* long name without dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *target;               /* where the value goes; set to `fallback` first when that is not NULL */
    const char *argument;       /* what --help calls the value: "FILE", "DURATION" */
    const char *help;           /* one line */
    const char *fallback;       /* default, written as on a command line; NULL: the target keeps what it has */
    const char *env;            /* environment variable that gives the value when the option is absent; NULL: none */
    const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
    int64_t min, max;           /* OPTION_INTEGER */
    bool filled;                /* an empty value is a mistake: it would be no file's name */
};

/* What a command's run function receives. `argv` are the positional arguments left over, borrowed. */
struct arguments {
    int argc;
    const char *const *argv;
    void *context; /* what the caller passed to command_main */
};

struct command {
    const char *name;
    const char *summary;                      /* one line for the parent's list */
    const char *positional;                   /* "FILE...", "[NAME]" or NULL when there are none */
    int positional_min, positional_max;       /* max -1: any number */
    const char *description;                  /* paragraphs for --help; may be NULL */
    const char *examples;                     /* lines for --help; may be NULL */
    const struct option *options;             /* ends with name == NULL; may be NULL */
    const struct command *children;           /* ends with name == NULL; may be NULL */
    int (*run)(const struct arguments *args); /* returns the exit code */
    const char *exit_codes; /* lines for --help, of all below it that say nothing else as well; may be NULL */
};

/* Parse and run. Usage errors are printed to stderr and answered with exit code `EXIT_USAGE`.
 * The hidden words `completion bash|zsh|fish` print a completion script for the whole tree. */
#define EXIT_USAGE 2
int command_main(const struct command *root, int argc, char **argv, void *context);

/* The same in pieces, for tests: finds the command, fills the targets; 0, or a code with `err` set.
 * *help is set when help was asked for. */
int command_parse(const struct command *root, int argc, char **argv, const struct command **found,
                  struct arguments *args, bool *help, struct error *err);
void command_help(const struct command *root, const struct command *command, struct text *out);
void command_completion(const struct command *root, const char *shell, struct text *out);
/* The child of the command that is being run whose name is nearest to `word`: a misspelt one was taken for a word of
 * the command itself. NULL: there is none. */
const char *command_nearest_child(const char *word);
/* Frees what parsing allocated (lists). */
void command_cleanup(void);

#endif
