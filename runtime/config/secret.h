/* Secrets at rest: AES-256-GCM (NIST SP 800-38D), a fresh 96-bit nonce each, the namespace bound in as additional data,
 * so that a sealed value copied to another namespace does not open. Written as base64 of nonce, ciphertext, tag. */
#ifndef RUNTIME_CONFIG_SECRET_H
#define RUNTIME_CONFIG_SECRET_H

#include "base/bytes.h"
#include "base/text.h"
#include "world/world.h"

#define CONFIG_KEY_SIZE 32 /* bytes */

struct config_key {
    struct world *world;
    uint8_t bytes[CONFIG_KEY_SIZE];
};

/* From base64 when given, else from the file, which is made (mode 600) with a fresh key when it is not there. */
int config_key_init(struct config_key *k, struct world *w, const char *base64, const char *path, struct error *err);
/* Whether it is the key that was used before: a known text sealed with it is kept in the file `path`, which is made
 * when it is not there. ERROR_DENIED: it is another key, and what is stored could not be read with it. */
int config_key_check(const struct config_key *k, const char *path, struct error *err);
void config_key_deinit(struct config_key *k); /* wipes it */
void config_wipe(struct text *t);             /* clears and frees what was secret */

int config_seal(const struct config_key *k, const char *namespace, struct bytes plain, struct text *out,
                struct error *err);
/* ERROR_DENIED: another key, another namespace, or damaged. */
int config_unseal(const struct config_key *k, const char *namespace, struct bytes sealed, struct text *out,
                  struct error *err);

#endif
