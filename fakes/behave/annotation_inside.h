/* What the parts of the annotation's reader share: annotation.c opens a file and settles roles, annotation_entity.c
 * says what entities are, annotation_map.c what requests and replies are made of, annotation_method.c what methods
 * demand and refuse. */
#ifndef FAKES_BEHAVE_ANNOTATION_INSIDE_H
#define FAKES_BEHAVE_ANNOTATION_INSIDE_H

#include "fakes/behave/annotation.h"

/* The map under that key of what is said of the service; NULL: nothing. */
const struct node *annotation_part(const struct annotation *a, const char *key);
const struct node *annotation_method(const struct annotation *a, const struct plan_method *m);
int annotation_no_memory(struct error *err);
int annotation_word(const struct node *n, const char **out, struct error *err);
/* Each by its name as text, or refused at its place. `add`: an attribute that only requests have is taken up. */
int annotation_find_entity(const struct plan *p, const struct node *n, size_t *out, struct error *err);
int annotation_find_attribute(struct plan *p, size_t entity, const struct node *n, bool add, size_t *out,
                              struct error *err);
int annotation_find_field(const struct pb_type *t, const struct node *n, size_t *out, struct error *err);
struct plan_entity *annotation_entity_of(struct plan *p, const struct node_pair *pair); /* NULL: there is none */

int annotation_end_method(struct plan *p, struct plan_method *m, const struct node *n, struct error *err);
int annotation_end_entity(struct plan *p, struct plan_entity *e, const struct node *n, struct error *err);

#endif
