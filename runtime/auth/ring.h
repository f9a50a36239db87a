/* The ring of RSA keys that access tokens are signed with, and its file.
 *
 * A key is announced, then signs, then is retired and only verifies, then is gone:
 *     waiting   in the ring and in the policy, so that every service learns it, but signs nothing yet
 *     signing   one key of the ring; no token signed by it expires later than `until`, which is on disk before the
 *               token leaves
 *     retired   its private part is thrown away; at `until` the last token it signed has expired and it leaves the ring
 * The root key is the one the supervisor hands out by option (auth's private key, every service's public one). It signs
 * until the first rotation and is never thrown out, since the components' own tokens are signed with it; its private
 * part is never written to the file. When another root key is given, the old one is retired like any other.
 *
 * The file <data_dir>/auth/keys.json (mode 600, replaced as a whole) is
 *     {"version":1,"keys":[{"id","public","private","root":bool,"state","created","since","until"}]}
 * with PEM texts and seconds since 1970; the oldest key stands first. A key's id follows from its public part
 * (micro_key_id). A file that is anything else is refused, not repaired. */
#ifndef RUNTIME_AUTH_RING_H
#define RUNTIME_AUTH_RING_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define RING_KEYS_MAX 64                 /* keys at once */
#define RING_FILE_MAX ((size_t)1 << 20)  /* bytes */
#define RING_PEM_MAX  ((size_t)16 << 10) /* bytes of one PEM text */

enum ring_state { RING_WAITING, RING_SIGNING, RING_RETIRED };

struct ring_key {
    char *id, *public_pem, *private_pem; /* private_pem is NULL when retired */
    bool root;
    enum ring_state state;
    int64_t created, since, until; /* wall seconds; `since`: when it began to sign, 0 before */
};

struct ring {
    struct ring_key keys[RING_KEYS_MAX];
    size_t count;
};
/* Wipes the private parts, as whatever takes one out of the ring does. What the process keeps of them is forgotten when
 * one leaves a ring that lives on; at the end it goes with the process. */
void ring_deinit(struct ring *r);

/* From the file's content; ERROR_SYNTAX or ERROR_INVALID says what is wrong. The root's private part is still missing
 * then. */
int ring_parse(struct bytes content, struct ring *out, struct error *err);
int ring_write(const struct ring *r, struct text *out, struct error *err);

/* Makes `private_pem` the root: completes the one in the ring or adds it, retiring another root. When no key signs, the
 * root does. `changed` tells whether the file should be written. */
int ring_set_root(struct ring *r, const char *private_pem, int64_t now, bool *changed, struct error *err);
/* A new key, waiting. ERROR_LIMIT when the ring is full, ERROR_EXISTS when it has the key. */
int ring_add(struct ring *r, const char *private_pem, int64_t now, struct error *err);
/* The waiting key becomes the signing one, that one is retired. False: nothing waits. */
bool ring_activate(struct ring *r, int64_t now);
/* Throws out what no token alive was signed with. */
bool ring_prune(struct ring *r, int64_t now);

struct ring_key *ring_signing(struct ring *r);              /* NULL: none */
struct ring_key *ring_waiting(struct ring *r);              /* NULL: none */
struct ring_key *ring_find(struct ring *r, const char *id); /* NULL: unknown */

#endif
