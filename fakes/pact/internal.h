/* What the files of fakes/pact share. */
#ifndef FAKES_PACT_INTERNAL_H
#define FAKES_PACT_INTERNAL_H

#include "base/document.h"
#include "fakes/pact/pact.h"

#define PACT_BRIEF_MAX 96 /* bytes of a value in a message */

/* ---- names (pact.c): NULL-terminated lists, in the order of the enums ----------------------------------------------
 */

extern const char *const pact_kind_names[];     /* "Synchronous/HTTP", ... */
extern const char *const pact_category_names[]; /* "path", ..., as version 4 writes them */
extern const char *const pact_matcher_names[];  /* "equality", ... */
extern const char *const pact_generator_names[];

/* Frees what hangs on it and is not the arena's. */
void pact_interaction_deinit(struct pact_interaction *i);
void pact_rules_deinit(struct pact_rules *rules);
void pact_generators_deinit(struct pact_generators *generators);

/* ---- reading (read.c, read_part.c, read_rules.c) ----------------------------------------------------------------- */

struct pact_reader {
    struct arena *arena;
    int version;
    struct error *err;
};
enum pact_part_kind { PART_REQUEST, PART_RESPONSE, PART_MESSAGE };

/* Text as it stands there, in the arena. `what` names it in messages. */
int pact_read_text(struct pact_reader *r, const struct node *n, const char *what, const char **out);
int pact_read_json(struct pact_reader *r, const struct node *n, json_t **out);
/* What `known` (NULL-terminated) does not name, as an object; NULL when there is nothing. */
int pact_read_extra(struct pact_reader *r, const struct node *map, const char *const *known, json_t **out);
/* Adds it to the pact, also when it fails half-way. `usual`: what it is when it does not say. */
int pact_read_interaction(struct pact_reader *r, const struct node *n, enum pact_kind usual, struct pact *p);
/* `out` is empty; what was read before an error is in it, to be freed by pact_part_deinit. */
int pact_read_part(struct pact_reader *r, const struct node *n, enum pact_part_kind kind, struct pact_part *out);
int pact_read_rules(struct pact_reader *r, const struct node *n, struct pact_rules *out);
int pact_read_body_rules(struct pact_reader *r, const struct node *map, struct pact_rules *out);
int pact_read_generators(struct pact_reader *r, const struct node *n, struct pact_generators *out);
int pact_read_body_generators(struct pact_reader *r, const struct node *map, struct pact_generators *out);
int pact_read_category(struct pact_reader *r, const struct node *n, const char *name, enum pact_category *out);

/* ---- writing (write.c, json_text.c) --------------------------------------------------------------------------------
 */

/* Keys sorted, reals as short as they read back the same; `indent` blanks a level, 0: all in one line. */
void pact_json_text(const json_t *value, unsigned indent, struct text *out);
/* In one line, cut behind PACT_BRIEF_MAX bytes. */
void pact_json_brief(const json_t *value, struct text *out);
/* A new object in version 4's form; NULL: no memory. */
json_t *pact_interaction_json(const struct pact_interaction *i);

/* ---- content types (content.c)
 * --------------------------------------------------------------------------------------- */

bool pact_type_is_json(const char *type);
bool pact_type_is_xml(const char *type);
bool pact_type_is_form(const char *type);
bool pact_type_is_multipart(const char *type);
bool pact_type_is_text(const char *type); /* the three above and text/ */
bool pact_type_is_binary(const char *type);
bool pact_type_same(const char *expected, const char *actual); /* without parameters, case aside */
/* By the first bytes, never NULL. */
const char *pact_type_of_bytes(struct bytes data);
/* The part's: its content's, its header's, its metadata's, or by the first bytes; NULL: nothing to go by. */
const char *pact_part_type(const struct pact_part *part);
/* The first value of a header (case aside) or NULL. */
const char *pact_header_value(const struct pact_part *part, const char *name);

/* ---- forms (form.c)
 * -------------------------------------------------------------------------------------------------- */

/* "a=b&c=d+e%20f" decoded; 0 or ERROR_MEMORY. A name without = has the value NULL. */
int pact_form_read(struct bytes text, struct arena *arena, struct pact_headers *out);
void pact_form_write(const struct pact_headers *pairs, struct text *out);

#endif
