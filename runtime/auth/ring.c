#include "runtime/auth/ring.h"

#include "base/json_text.h"
#include "runtime/service/service.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define VERSION  1
#define BITS_MIN 2048
#define BITS_MAX 16384
#define TIME_MAX INT64_C(100000000000) /* seconds; beyond the year 5000 */

static const char *const state_names[] = {"waiting", "signing", "retired"};

static void wipe_private(struct ring_key *k)
{
    if (!k->private_pem)
        return;
    OPENSSL_cleanse(k->private_pem, strlen(k->private_pem));
    free(k->private_pem);
    k->private_pem = NULL;
}

static void key_clear(struct ring_key *k)
{
    wipe_private(k);
    free(k->public_pem);
    free(k->id);
    *k = (struct ring_key){0};
}

/* It signs nothing any more while the process lives on: what was read from it does not stay in memory either. */
static void drop_private(struct ring_key *k)
{
    if (k->private_pem)
        micro_key_forget(k->private_pem);
    wipe_private(k);
}

void ring_deinit(struct ring *r)
{
    for (size_t i = 0; i < r->count; i++)
        key_clear(&r->keys[i]);
    r->count = 0;
}

/* ---- PEM -------------------------------------------------------------------------------------------------------- */

static EVP_PKEY *read_key(const char *pem, bool private_key)
{
    size_t len = strnlen(pem, RING_PEM_MAX + 1);
    BIO *bio = len <= RING_PEM_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    EVP_PKEY *key = NULL;
    if (bio)
        key = private_key ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    int bits = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? EVP_PKEY_get_bits(key) : 0;
    if (bits >= BITS_MIN && bits <= BITS_MAX)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static int key_id(const char *public_pem, char out[MICRO_KEY_ID_MAX + 1], struct error *err)
{
    EVP_PKEY *key = read_key(public_pem, false);
    if (!key)
        return error_set(err, ERROR_INVALID, "a public key is not an RSA key of %d to %d bits in PEM form", BITS_MIN,
                         BITS_MAX);
    EVP_PKEY_free(key);
    return micro_key_id(public_pem, out, err);
}

static int public_part(const char *private_pem, struct text *out, struct error *err)
{
    EVP_PKEY *key = read_key(private_pem, true);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    int rc = 0;
    if (!key)
        rc = error_set(err, ERROR_INVALID, "the private key is not an RSA key of %d to %d bits in PEM form", BITS_MIN,
                       BITS_MAX);
    else if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
        rc = error_set(err, ERROR_MEMORY, "a private key's public part cannot be written");
    long len = rc == 0 ? BIO_get_mem_data(bio, &data) : 0;
    if (len > 0)
        text_add(out, data, (size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : rc;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static bool time_of(const json_t *object, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    *out = (int64_t)json_integer_value(value);
    return json_is_integer(value) && *out >= 0 && *out <= TIME_MAX;
}

static int state_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "state"));
    for (int i = 0; name && i < 3; i++)
        if (strcmp(name, state_names[i]) == 0)
            return i;
    return -1;
}

/* A private part must belong to the public one; an id must be that of the public one. */
static int check_key(const struct ring_key *k, size_t number, struct error *err)
{
    struct text part = TEXT_INIT;
    char id[MICRO_KEY_ID_MAX + 1];
    int rc = key_id(k->public_pem, id, err);
    if (rc == 0 && strcmp(id, k->id) != 0)
        rc = error_set(err, ERROR_INVALID, "the id is not that of the public key");
    if (rc == 0 && k->private_pem) {
        rc = public_part(k->private_pem, &part, err);
        if (rc == 0)
            rc = key_id(text_string(&part), id, err);
        if (rc == 0 && strcmp(id, k->id) != 0)
            rc = error_set(err, ERROR_INVALID, "the private part does not belong to the public one");
    }
    if (rc)
        error_wrap(err, "key %zu", number);
    text_deinit(&part);
    return rc;
}

static int parse_key(const json_t *object, size_t number, struct ring_key *k, struct error *err)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *public_pem = json_string_value(json_object_get(object, "public"));
    const char *private_pem = json_string_value(json_object_get(object, "private"));
    int state = state_of(object);
    if (!id || strlen(id) > MICRO_KEY_ID_MAX || !public_pem || state < 0 ||
        !json_is_boolean(json_object_get(object, "root")) || !time_of(object, "created", &k->created) ||
        !time_of(object, "since", &k->since) || !time_of(object, "until", &k->until))
        return error_set(err, ERROR_INVALID, "key %zu lacks a part or has a wrong one", number);
    k->state = (enum ring_state)state;
    k->root = json_is_true(json_object_get(object, "root"));
    if ((private_pem != NULL) != (!k->root && k->state != RING_RETIRED) || (k->root && k->state == RING_WAITING))
        return error_set(err, ERROR_INVALID,
                         "key %zu: only a key that is not the root and not retired has a private "
                         "part, and the root never waits",
                         number);
    k->id = strdup(id);
    k->public_pem = strdup(public_pem);
    k->private_pem = private_pem ? strdup(private_pem) : NULL;
    if (!k->id || !k->public_pem || (private_pem && !k->private_pem))
        return error_set(err, ERROR_MEMORY, "out of memory");
    return check_key(k, number, err);
}

/* What holds for the ring as a whole. */
static int check_ring(const struct ring *r, struct error *err)
{
    size_t in_state[3] = {0}, roots = 0;
    for (size_t i = 0; i < r->count; i++) {
        in_state[r->keys[i].state]++;
        roots += r->keys[i].root;
        for (size_t j = 0; j < i; j++)
            if (strcmp(r->keys[i].id, r->keys[j].id) == 0)
                return error_set(err, ERROR_INVALID, "the same key is there twice");
    }
    if (in_state[RING_WAITING] > 1 || in_state[RING_SIGNING] > 1 || roots > 1)
        return error_set(err, ERROR_INVALID, "more than one key waits, signs or is the root");
    return 0;
}

int ring_parse(struct bytes content, struct ring *out, struct error *err)
{
    json_error_t why;
    *out = (struct ring){0};
    if (content.len > RING_FILE_MAX)
        return error_set(err, ERROR_LIMIT, "larger than %zu bytes", RING_FILE_MAX);
    json_t *root = json_loadb(content.len ? (const char *)content.data : "", content.len, JSON_REJECT_DUPLICATES, &why);
    const json_t *keys = json_object_get(root, "keys");
    int rc = 0;
    if (!root)
        rc = error_set(err, ERROR_SYNTAX, "not JSON: line %d, column %d", why.line, why.column);
    else if (json_integer_value(json_object_get(root, "version")) != VERSION || !json_is_array(keys))
        rc = error_set(err, ERROR_INVALID, "not a key ring of version %d", VERSION);
    else if (json_array_size(keys) > RING_KEYS_MAX)
        rc = error_set(err, ERROR_LIMIT, "more than %d keys", RING_KEYS_MAX);
    for (size_t i = 0; rc == 0 && i < json_array_size(keys); i++)
        rc = parse_key(json_array_get(keys, i), i + 1, &out->keys[out->count++], err);
    if (rc == 0)
        rc = check_ring(out, err);
    json_decref(root);
    if (rc)
        ring_deinit(out);
    return rc;
}

int ring_write(const struct ring *r, struct text *out, struct error *err)
{
    json_t *keys = json_array();
    bool ok = keys != NULL;
    for (size_t i = 0; ok && i < r->count; i++) {
        const struct ring_key *k = &r->keys[i];
        json_t *one = json_pack("{ss ss sb ss sI sI sI}", "id", k->id, "public", k->public_pem, "root", k->root,
                                "state", state_names[k->state], "created", (json_int_t)k->created, "since",
                                (json_int_t)k->since, "until", (json_int_t)k->until);
        ok = one &&
             (k->root || !k->private_pem || json_object_set_new(one, "private", json_string(k->private_pem)) == 0);
        if (json_array_append_new(keys, one) != 0)
            ok = false;
    }
    json_t *root = ok ? json_pack("{si sO}", "version", VERSION, "keys", keys) : NULL;
    char *text = root ? json_text_of(root, 1) : NULL;
    if (text) {
        text_puts(out, text);
        text_char(out, '\n');
        OPENSSL_cleanse(text, strlen(text));
    }
    ok = text && text_ok(out);
    free(text);
    json_decref(root);
    json_decref(keys);
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static struct ring_key *in_state(struct ring *r, enum ring_state state)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->keys[i].state == state)
            return &r->keys[i];
    return NULL;
}

struct ring_key *ring_signing(struct ring *r)
{
    return in_state(r, RING_SIGNING);
}

struct ring_key *ring_waiting(struct ring *r)
{
    return in_state(r, RING_WAITING);
}

struct ring_key *ring_find(struct ring *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->keys[i].id, id) == 0)
            return &r->keys[i];
    return NULL;
}

static void retire(struct ring_key *k)
{
    k->state = RING_RETIRED;
    if (!k->root)
        drop_private(k);
}

int ring_set_root(struct ring *r, const char *private_pem, int64_t now, bool *changed, struct error *err)
{
    struct text pem = TEXT_INIT;
    char id[MICRO_KEY_ID_MAX + 1], *copy = NULL;
    *changed = false;
    int rc = public_part(private_pem, &pem, err);
    if (rc == 0)
        rc = key_id(text_string(&pem), id, err);
    if (rc == 0 && !(copy = strdup(private_pem)))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    struct ring_key *k = rc == 0 ? ring_find(r, id) : NULL;
    if (rc == 0 && !k && r->count == RING_KEYS_MAX)
        rc = error_set(err, ERROR_LIMIT, "the key ring has %d keys already", RING_KEYS_MAX);
    if (rc)
        goto out;
    for (size_t i = 0; i < r->count; i++) {
        if (r->keys[i].root && &r->keys[i] != k) {
            r->keys[i].root = false;
            retire(&r->keys[i]);
            *changed = true;
        }
    }
    if (!k) {
        k = &r->keys[r->count];
        *k = (struct ring_key){.id = strdup(id), .public_pem = text_take(&pem), .state = RING_RETIRED, .created = now};
        if (!k->id || !k->public_pem) {
            key_clear(k);
            rc = error_set(err, ERROR_MEMORY, "out of memory");
            goto out;
        }
        r->count++;
        *changed = true;
    }
    if (!k->root) {
        k->root = true;
        *changed = true;
    }
    drop_private(k);
    k->private_pem = copy;
    copy = NULL;
    if (!ring_signing(r)) {
        k->state = RING_SIGNING;
        k->since = now;
        *changed = true;
    }
out:
    if (copy)
        OPENSSL_cleanse(copy, strlen(copy));
    free(copy);
    text_deinit(&pem);
    return rc;
}

int ring_add(struct ring *r, const char *private_pem, int64_t now, struct error *err)
{
    struct text public_pem = TEXT_INIT;
    char id[MICRO_KEY_ID_MAX + 1];
    if (r->count == RING_KEYS_MAX)
        return error_set(err, ERROR_LIMIT,
                         "the key ring has %d keys already: wait until tokens signed with the oldest "
                         "have expired",
                         RING_KEYS_MAX);
    int rc = public_part(private_pem, &public_pem, err);
    if (rc == 0)
        rc = key_id(text_string(&public_pem), id, err);
    if (rc == 0 && ring_find(r, id))
        rc = error_set(err, ERROR_EXISTS, "the key is in the ring already");
    if (rc == 0) {
        struct ring_key *k = &r->keys[r->count];
        *k = (struct ring_key){.id = strdup(id),
                               .public_pem = text_take(&public_pem),
                               .private_pem = strdup(private_pem),
                               .state = RING_WAITING,
                               .created = now};
        if (k->id && k->public_pem && k->private_pem)
            r->count++;
        else {
            key_clear(k);
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        }
    }
    text_deinit(&public_pem);
    return rc;
}

bool ring_activate(struct ring *r, int64_t now)
{
    struct ring_key *fresh = ring_waiting(r), *old = ring_signing(r);
    if (!fresh)
        return false;
    if (old)
        retire(old);
    fresh->state = RING_SIGNING;
    fresh->since = now;
    return true;
}

bool ring_prune(struct ring *r, int64_t now)
{
    bool pruned = false;
    for (size_t i = 0; i < r->count;) {
        struct ring_key *k = &r->keys[i];
        if (k->root || k->state != RING_RETIRED || now < k->until) {
            i++;
            continue;
        }
        drop_private(k);
        key_clear(k);
        memmove(k, k + 1, (r->count - i - 1) * sizeof *k);
        r->keys[--r->count] = (struct ring_key){0};
        pruned = true;
    }
    return pruned;
}
