/* The source of a service: where it is, packed for the runtime, and whether it changed.
 *
 * A source is a local folder, or a repository that git checks out into a folder of ours, removed afterwards:
 *     github.com/USER/REPO[/FOLDER][@BRANCH]      any host with a dot in its name; https
 *     SCHEME://.../REPO.git[/FOLDER][@BRANCH]     any address git knows
 * Packed it is a tar archive, gzipped, with the files of the folder in order of name, without owners and times, so
 * that the same files give the same bytes. What .microignore names (.gitignore when there is none), version control,
 * build/ and object files stay here. Links are packed as what they lead to when that is a file inside the folder, and
 * left out otherwise: a stranger's repository must not reach ours. */
#ifndef RUNTIME_CLI_SOURCE_H
#define RUNTIME_CLI_SOURCE_H

#include "runtime/cli/cli.h"

#define SOURCE_BYTES_MAX ((size_t)256 << 20) /* of all files together */
#define SOURCE_FILES_MAX 20000
#define SOURCE_DEPTH_MAX 32 /* folders in folders */
#define SOURCE_NAME_MAX  128

struct source {
    char folder[2 * CLI_PATH_MAX]; /* where the files are */
    char checkout[CLI_PATH_MAX];   /* to be removed by source_close(); "" for a local folder */
    char name[SOURCE_NAME_MAX];    /* the folder's, or the repository's */
    char version[SOURCE_NAME_MAX];
};

/* A repository's address in its parts. */
struct source_repository {
    char url[CLI_PATH_MAX];
    char name[SOURCE_NAME_MAX];   /* the folder's, else the repository's */
    char folder[CLI_PATH_MAX];    /* inside it; "" is its top */
    char branch[SOURCE_NAME_MAX]; /* "" is its default one */
};
/* False: it is none, or it would lead somewhere else than it says. */
bool source_parse(const char *text, struct source_repository *out);

/* Whether it can only be a source: a folder that is there, or a repository's address. */
bool source_is(struct cli *c, const char *text);
/* An exit code, after a message. */
int source_open(struct cli *c, const char *text, struct source *out);
void source_close(struct cli *c, struct source *s);
/* Only what source_open() would call it: "./a/b" is "b"; no files are looked at. */
int source_name(const char *text, char name[SOURCE_NAME_MAX], char version[SOURCE_NAME_MAX]);
int source_pack(struct cli *c, const struct source *s, struct text *out);
/* A number that changes when a file that would be packed does: names, sizes, times. */
int source_print(struct cli *c, const struct source *s, uint64_t *out);

#endif
