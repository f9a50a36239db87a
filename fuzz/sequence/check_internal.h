/* What the checkers share. Private to fuzz/sequence. */
#ifndef FUZZ_SEQUENCE_CHECK_INTERNAL_H
#define FUZZ_SEQUENCE_CHECK_INTERNAL_H

#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence_internal.h"

#define CHECK_NAME_MIN 6 /* bytes of a name that is no accident */

int check_deleted_probe(struct sequence *s, struct fuzz_case *c);
bool check_deleted_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_freed_probe(struct sequence *s, struct fuzz_case *c);
bool check_freed_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_tenant_probe(struct sequence *s, struct fuzz_case *c);
bool check_tenant_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_token_probe(struct sequence *s, struct fuzz_case *c);
bool check_token_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_retry_probe(struct sequence *s, struct fuzz_case *c);
bool check_retry_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_unknown_probe(struct sequence *s, struct fuzz_case *c);
bool check_unknown_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_list_probe(struct sequence *s, struct fuzz_case *c);
bool check_list_judge(const struct sequence_view *v, struct sequence_finding *out);

enum sequence_role check_role(const struct sequence_view *v, size_t call);
/* Of our own account and with its token. */
bool check_own(const struct sequence_view *v, size_t call);
/* `later` was sent when `earlier` had been answered. */
bool check_behind(const struct sequence_view *v, size_t earlier, size_t later);
/* Of the calls before `until` only these two made, changed or ended the thing called `name`. */
bool check_alone(const struct sequence_view *v, size_t maker, size_t other, size_t until, struct bytes name);
/* The same method, asked the same. */
bool check_same(const struct sequence_view *v, size_t a, size_t b);
/* What the call's reply says of the thing called `name`, when that is more than the name. */
struct bytes check_shown(const struct sequence_view *v, size_t call, struct bytes name);
/* The last call of the sequence that made something; -1: none did. */
int check_maker(struct sequence *s, const struct fuzz_case *c);
/* Methods of that role about what the maker made, best known first: the n-th, or -1. */
int check_method(const struct sequence *s, size_t made_by, enum sequence_role role, size_t n);
void check_say(const struct sequence_view *v, struct sequence_finding *out, size_t call, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *check_path(const struct sequence_view *v, size_t call);

/* For the judges: walks pairs of a maker and a later call about the same thing. */
struct check_pair {
    size_t maker, call;
    struct bytes name;
};
bool check_next_pair(const struct sequence_view *v, struct check_pair *p); /* start with maker = call = 0 */

#endif
