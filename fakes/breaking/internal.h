/* The comparison, split by what is compared. Every check tells; whether it counts is decided in one place. */
#ifndef FAKES_BREAKING_INTERNAL_H
#define FAKES_BREAKING_INTERNAL_H

#include "fakes/breaking/breaking.h"

struct comparison {
    const struct schema *before, *now;
    const struct breaking_rules_set *rules;
    struct breaking *out;
    bool no_memory;
};

/* "shop.Item.price" */
const char *breaking_name(struct comparison *c, const char *outer, const char *inner);
void breaking_tell(struct comparison *c, enum breaking_rule_id rule, struct schema_place now,
                   struct schema_place before, const char *element, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

void breaking_files(struct comparison *c);
void breaking_packages(struct comparison *c);
void breaking_messages(struct comparison *c);
void breaking_fields(struct comparison *c); /* of messages, and extensions */
void breaking_enums(struct comparison *c);
void breaking_services(struct comparison *c);
/* Whether every value of the old enum has its name and number in the new one. */
bool breaking_enum_within(const schema_enum_proto *before, const schema_enum_proto *now);

/* ---- numbers that are set aside ---- */

struct number_range {
    int64_t first, last;
};
/* Ranges of `before` that `now` does not cover any more; `what` is "reserved range", `kind` "message"; the highest
 * number is shown as "max". Sorts `now`. */
void breaking_ranges(struct comparison *c, enum breaking_rule_id rule, const char *what,
                     const struct schema_element *old_element, const struct schema_element *new_element,
                     const struct number_range *before, size_t before_count, struct number_range *now, size_t now_count,
                     int64_t highest);

#endif
