/* What the passes over entities share: plan_entity.c finds those that are messages and says which a method is about,
 * plan_codes.c those that are codes and tokens, plan_key.c what tells one from others and what belongs to what. */
#ifndef FAKES_BEHAVE_PLAN_INSIDE_H
#define FAKES_BEHAVE_PLAN_INSIDE_H

#include "fakes/behave/plan.h"

extern const char *const PLAN_IDS[], *const PLAN_NAMES[], *const PLAN_TOKENS[];

/* The first field of one of those names that can be part of a key; NULL: none. */
const struct pb_field *plan_type_field(const struct pb_type *t, const char *const *names);
bool plan_makes(enum verb_class c); /* makes what others look at */
bool plan_looks(enum verb_class c);
size_t plan_by_message(const struct plan *p, const struct plan_method *m); /* the entity among its messages */
const struct pb_field *plan_code_field(const struct pb_type *t);
bool plan_gives_code(const struct plan_method *m);
bool plan_takes_code(const struct plan *p, const struct plan_method *m);
bool plan_is_option(const char *name); /* says how, and is never part of a key */
void plan_add_key(struct plan_entity *e, size_t attribute);
void plan_code_attributes(struct plan *p, size_t index);
void plan_find_subject(struct plan *p, size_t token);

#endif
