/* Test files of other tools, run as flows: a format reads its bytes as a flow document, the same as a YAML file gives,
 * in which every node keeps its place in the file that was read. So what is checked, run and told of a flow is checked,
 * run and told of these files, with their own lines; import_yaml() writes such a document as a flow file.
 *
 * A format is one folder here and one row in import.c; docs/flows-import.md has a part for each. */
#ifndef E2E_IMPORT_H
#define E2E_IMPORT_H

#include "base/document.h"
#include "base/text.h"
#include "world/world.h"

/* What whoever runs a file asks for besides. */
struct import_settings {
    const char *const *hurl; /* options of hurl's command line, "NAME" or "NAME=VALUE", NULL-terminated; NULL: none */
    const char *folder;      /* where files are that options name, in the file or here; NULL: beside the file */
    bool included;           /* another file names this one, and may ask for more of it than a flow gives */
};

struct import_format {
    const char *name;    /* "hurl" */
    const char *about;   /* one line */
    const char *endings; /* of file names, with the dot, parted by blanks: ".hurl" */
    bool names_its_own;  /* files that a file includes are of the format as well, whatever they are called */
    /* Reads a file: the document's root is a flow, or a map with "flows". `name` is what messages call it. The caller
     * frees the document. Errors have the place in the file. */
    int (*parse)(struct bytes input, const char *name, struct document **out, struct error *err);
    /* The same with settings. NULL: the format knows none. */
    int (*parse_with)(struct bytes input, const char *name, const struct import_settings *settings,
                      struct document **out, struct error *err);
    /* The same as `parse`, and what of the file is in no flow is added to `told`, a line with its place each. NULL: a
     * file is read whole, or refused. */
    int (*parse_told)(struct bytes input, const char *name, struct text *told, struct document **out,
                      struct error *err);
};

extern const struct import_format *const import_formats[]; /* ends with NULL */
/* The format of a file by its name's ending; NULL: none of these. */
const struct import_format *import_format_of(const char *path);
/* The format of a file whose name says nothing: runn's books are called as flow files are, NAME.yml. NULL: none of
 * these, so that it is a flow file. */
const struct import_format *import_format_in(const struct node *root);
const struct import_format *import_format_of_yaml(struct bytes input); /* the same of a file's bytes */
/* Of a file: by its name, or by what is in it. NULL: neither, or it cannot be read. */
const struct import_format *import_format_of_file(struct world *w, const char *path);
/* By name, "hurl"; NULL: there is none. */
const struct import_format *import_format_named(const char *name);

/* The document as YAML for people: what a flow file would say. */
bool import_yaml(const struct node *root, struct text *out);

/* "folder/hello.hurl" is flow "hello". */
void import_flow_name(const char *path, struct text *out);

/* ---- build.c: documents made node by node ---- */

struct build {
    struct document *document; /* of document_new(), in whose text the offsets are */
    bool failed;               /* no memory; sticky */
    bool elsewhere;            /* what is made does not stand in the text: it gets `place` */
    size_t place;
};
struct build_node;
/* All of these take NULL where a node failed to be made, and then do nothing. `at`: offset in the document's text. */
struct build_node *build_map(struct build *b, size_t at);
struct build_node *build_list(struct build *b, size_t at);
struct build_node *build_text(struct build *b, size_t at, const char *text, size_t len);
struct build_node *build_string(struct build *b, size_t at, const char *text);
struct build_node *build_integer(struct build *b, size_t at, int64_t value);
struct build_node *build_real(struct build *b, size_t at, double value);
struct build_node *build_bool(struct build *b, size_t at, bool value);
struct build_node *build_null(struct build *b, size_t at);
struct build_node *build_json(struct build *b, size_t at, const json_t *value);
void build_put(struct build *b, struct build_node *map, const char *key, struct build_node *value);
void build_add(struct build *b, struct build_node *list, struct build_node *item);
/* The same where the map may have the key: the value takes the place of what it had, which nothing else may hold. */
void build_replace(struct build *b, struct build_node *map, const char *key, struct build_node *value);
struct build_node *build_get(const struct build_node *map, const char *key); /* NULL: not there */
/* Moves all of `from` behind what is in the list `to`. Its count stays. */
void build_splice(struct build_node *to, struct build_node *from);
bool build_has(const struct build_node *map, const char *key);
size_t build_count(const struct build_node *of);
/* Makes `root` the document's root. ERROR_MEMORY, ERROR_LIMIT (more than DOCUMENT_DEPTH_MAX levels). */
int build_finish(struct build *b, const struct build_node *root, struct error *err);

#endif
