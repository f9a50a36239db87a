/* A small service with bugs that can be put in one by one: notes of accounts, and greetings. What the fuzzer says of it
 * can be held against what is known to be wrong.
 *
 * Notes are as notes/notes.proto says, in memory; an account is its token ("one", "two"). The same sources run as a
 * node of a simulation and as a program (toy_main.c). */
#ifndef TESTS_FUZZ_TOY_H
#define TESTS_FUZZ_TOY_H

#include "rpc/rpc.h"

#define TOY_TOKEN "one"
#define TOY_OTHER "two"

enum toy_bug {
    TOY_INTERNAL, /* Create: a title of 64 bytes or more is answered INTERNAL */
    TOY_VERSION,  /* Update: the second one of a note is answered INTERNAL */
    TOY_HANG,     /* Call: a name with "beta" in it is never answered */
    TOY_SCHEMA,   /* Stream: answers to a count above 9 are no StreamingResponse */
    TOY_UTF8,     /* Update: strings are not looked at */
    TOY_ACCEPTS,  /* PingPong: messages are not looked at */
    TOY_STATUS,   /* Read: what does not decode is NOT_FOUND */
    TOY_CRASH,    /* Delete: an id with two dots in it kills the process */
    TOY_UNDEAD,   /* Delete: OK, but it stays */
    TOY_OPEN,     /* List: needs no token */
    TOY_TENANT,   /* Read: shows everybody's notes to everybody */
    TOY_HIDDEN,   /* List: leaves every second note out */
    TOY_BUGS
};
#define TOY_BIT(bug) (1u << (bug))
#define TOY_ALL      (TOY_BIT(TOY_BUGS) - 1)

struct toy;
struct toy_options {
    const struct pb_pool *pool; /* of proto/set.h */
    const char *address;
    unsigned bugs;            /* TOY_BIT */
    bool locks;               /* who deletes what is not there may do nothing more with notes: PERMISSION_DENIED */
    void (*crash)(void *arg); /* TOY_CRASH; it may return: then the state is as after a start */
    void *arg;
};
int toy_new(struct world *w, const struct toy_options *options, struct toy **out, struct error *err);
void toy_free(struct toy *t);
/* As it was when it was made: no notes, and nobody is locked out. */
void toy_start_anew(struct toy *t);

/* The bug a finding is of, by its oracle and its title ("notes.Notes/Read: status"); TOY_BUGS: of none. */
enum toy_bug toy_bug_of(const char *oracle, const char *title);

#endif
