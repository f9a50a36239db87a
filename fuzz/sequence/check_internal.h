/* What the checkers share. Private to fuzz/sequence. */
#ifndef FUZZ_SEQUENCE_CHECK_INTERNAL_H
#define FUZZ_SEQUENCE_CHECK_INTERNAL_H

#include "base/units.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence_internal.h"

#define CHECK_NAME_MIN 6                  /* bytes of a name that is no accident */
#define CHECK_LIST_CUT ((size_t)32 << 10) /* bytes: a longer list may be cut by a limit of its own */
#define CHECK_PAUSE    ((uint64_t)SECOND) /* between two looks at a list; doors may shorten it */

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

int check_limit_probe(struct sequence *s, struct fuzz_case *c);
bool check_limit_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_pages_probe(struct sequence *s, struct fuzz_case *c);
bool check_pages_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_delivery_probe(struct sequence *s, struct fuzz_case *c);
bool check_delivery_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_filter_probe(struct sequence *s, struct fuzz_case *c);
bool check_filter_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_update_probe(struct sequence *s, struct fuzz_case *c);
bool check_update_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_condition_probe(struct sequence *s, struct fuzz_case *c);
bool check_condition_judge(const struct sequence_view *v, struct sequence_finding *out);

int check_default_probe(struct sequence *s, struct fuzz_case *c);
bool check_default_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_place_probe(struct sequence *s, struct fuzz_case *c);
bool check_place_judge(const struct sequence_view *v, struct sequence_finding *out);
int check_expiry_probe(struct sequence *s, struct fuzz_case *c);
bool check_expiry_judge(const struct sequence_view *v, struct sequence_finding *out);

/* A probe's result: 1: all appended, 0: one of them cannot be said. */
int check_told(int rc);
enum sequence_role check_role(const struct sequence_view *v, size_t call);
/* Of our own account and with its token. */
bool check_own(const struct sequence_view *v, size_t call);
/* `later` was sent when `earlier` had been answered. */
bool check_behind(const struct sequence_view *v, size_t earlier, size_t later);
/* Of the calls before `until` only these two made, changed or ended the thing called `name`. */
bool check_alone(const struct sequence_view *v, size_t maker, size_t other, size_t until, struct bytes name);
/* Of the calls before `until` only those of `mask` (a bit each) may have. Those answered before call `from` was sent
 * are left out. */
bool check_quiet(const struct sequence_view *v, uint32_t mask, size_t from, size_t until, struct bytes name);
/* Works, of our own account, and reads. */
bool check_reads(const struct sequence_view *v, size_t call);
/* The elements of `list`'s reply name what `method` is about, of what `made_by` makes. */
bool check_lists_for(const struct sequence_graph *g, size_t list, size_t method, size_t made_by);
int check_list_of(const struct sequence *s, size_t method, size_t made_by); /* such a one; -1: none */
int check_pause(struct fuzz_case *c);                                       /* CHECK_PAUSE of time pass */
/* Puts a value into the first message of the call, of a leaf's path. ERROR_LIMIT when the path cannot be said. */
int check_put(struct sequence *s, struct fuzz_case *c, size_t call, const struct sequence_leaf *l, struct bytes value);
/* The value of the request's leaf, when the message says it once and only once. */
bool check_said(const struct sequence_view *v, size_t call, const struct sequence_leaf *l, struct bytes *out);
uint64_t check_number(const struct sequence_leaf *l,
                      struct bytes value); /* of integers; UINT64_MAX: negative, or none */
int check_put_number(struct sequence *s, struct fuzz_case *c, size_t call, const struct sequence_leaf *l, uint64_t n);

/* ---- questions that say how much they want (check_asked.c) ---- */

/* "limit", "page_size", "max_results". */
bool check_is_limit(const struct sequence_leaf *l);
int check_limit_of(const struct sequence_graph *g, size_t method); /* that leaf of its request; -1: it has none */
/* A method that lists and is about what the maker's service keeps, which has what `wanted` looks for; -1. */
int check_draw_reader(struct sequence *s, size_t made_by, int (*wanted)(const struct sequence_graph *g, size_t method));
/* A call with nothing said but the place where things are. As sequence_append(). */
int check_ask_all(struct sequence *s, struct fuzz_case *c, size_t method);
/* The call, which check_ask_all() made, asks for what begins with `part`. ERROR_NOT_FOUND: it cannot be asked so. */
int check_put_prefix(struct sequence *s, struct fuzz_case *c, size_t call, struct bytes part);
/* The call read something and was answered to its end. */
bool check_answers(const struct sequence_view *v, size_t call);
/* The one list a reply is made of; NULL: there is none, or several. */
const struct pb_field *check_elements_of(const struct pb_type *t);
/* Walks the elements of all replies of a call. */
struct check_elements {
    const struct sequence_view *view;
    size_t call;
    const struct pb_field *field;
    size_t reply; /* from here on for the walk itself; 0 at the start */
    struct bytes rest;
};
bool check_next_element(struct check_elements *e, struct bytes *out);

/* The same method, asked the same. */
bool check_same(const struct sequence_view *v, size_t a, size_t b);
/* What the call's reply says of the thing called `name`, when that is more than the name. */
struct bytes check_shown(const struct sequence_view *v, size_t call, struct bytes name);
/* The maker made something of that name, and did not take one up that was there: nobody said the name before, and it is
 * no word that many things may be called by. */
bool check_is_new(const struct sequence_view *v, size_t maker, struct bytes name);
/* The call's reply is all there is: no cursor says that it goes on, and it is shorter than that. */
bool check_is_whole(const struct sequence_view *v, size_t list, size_t bytes_max);
/* The maker's call once more, with other names where the request says some. As sequence_append(). */
int check_another(struct sequence *s, struct fuzz_case *c, size_t maker);
/* The last call of the sequence that made something; ERROR_NOT_FOUND: none did. */
int check_maker(struct sequence *s, const struct fuzz_case *c);
/* Methods of that role about what the maker made, best known first: the n-th, or -1. */
int check_method(const struct sequence *s, size_t made_by, enum sequence_role role, size_t n);
/* One of the first two of one service, so that both get their turn; -1. */
int check_draw_method(struct sequence *s, size_t made_by, enum sequence_role role);
void check_say(const struct sequence_view *v, struct sequence_finding *out, size_t call, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *check_path(const struct sequence_view *v, size_t call);

/* For the judges: walks pairs of a maker and a later call about the same thing. */
struct check_pair {
    size_t maker, call;
    struct bytes name;
    size_t next;
};
bool check_next_pair(const struct sequence_view *v, struct check_pair *p); /* start with zeros */

#endif
