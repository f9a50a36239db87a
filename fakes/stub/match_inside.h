/* What the files that compile expectations share: match.c (names, words, any value), condition_value.c (tests of one
 * value), match_parts.c (lists, maps, messages). */
#ifndef FAKES_STUB_MATCH_INSIDE_H
#define FAKES_STUB_MATCH_INSIDE_H

#include "fakes/stub/match.h"

/* Where a value stands: a field of a shape, whose slot is made when it is needed; or a slot by itself. */
struct place {
    struct shape *shape; /* NULL: `slot` is set */
    int slot;
    const struct pb_field *field;
    bool item; /* one element of a list field, one value of a map's */
};
static inline bool condition_is_message(const struct place *p)
{
    return p->field == NULL || (p->field->kind == PB_MESSAGE && (p->item || !p->field->repeated));
}
static inline bool condition_is_list(const struct place *p)
{
    return p->field != NULL && p->field->repeated && !p->item;
}

/* match.c: what `n` says of the place's value; `exact`: of messages, that nothing else is set. */
int condition_value(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                    const struct test **out);
/* One matcher of a map of them, and all. */
int condition_word(struct match_compiler *c, const struct place *p, const struct node *map,
                   const struct node_pair *pair, const struct test **out);
int condition_all_words(struct match_compiler *c, const struct place *p, const struct node *map,
                        const struct test **out);
/* A node that stands for a pair's key in messages. */
struct node condition_key_node(const struct node *map, const struct node_pair *pair);

/* condition_value.c: tests, and what joins them */
extern const struct test condition_always;
struct tests {
    ARRAY(const struct test *) list;
};
int condition_no_memory(struct match_compiler *c);
struct test *condition_test_new(struct match_compiler *c, enum test_kind kind, int slot, const struct pb_field *field);
/* A test on the place's own value. */
int condition_test_at(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                      struct test **out);
int condition_add(struct match_compiler *c, struct tests *all, const struct test *t);
int condition_join(struct match_compiler *c, enum test_kind kind, struct tests *all, const struct test **out);
int condition_need_text(struct match_compiler *c, const struct node *n, const char *word);
int condition_equal(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out);
int condition_range(struct match_compiler *c, const struct place *p, const struct node *n, bool max,
                    const struct test **out);
int condition_pattern(struct match_compiler *c, const struct place *p, const struct node *map, const struct node *n,
                      const struct test **out);
int condition_part(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                   const struct test **out);
int condition_size(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out);
int condition_present(struct match_compiler *c, const struct place *p, const struct node *n, bool wanted,
                      const struct test **out);

/* match_parts.c */
/* What is looked at only sometimes, or of one item among several: nothing in it is demanded. */
int condition_apart(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                    const struct test **out);
int condition_items(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                    bool exact, const struct test **out);
int condition_one_item(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                       const struct test **out);
int condition_entries(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                      const struct test **out);
int condition_message(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                      const struct test **out);
int condition_json_form(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out);
int condition_wrapped(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out);

#endif
