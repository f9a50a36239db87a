/* Bytes as what the store holds: an account, a rule, a refresh family; and as a refresh token and a hashed secret. An
 * account that can be read must read the same after it was written. */
#include "runtime/auth/auth.h"
#include "runtime/auth/refresh.h"
#include "runtime/auth/secret.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void account(const Store__Record *record, struct arena *arena)
{
    struct auth_account one, two;
    if (auth_account_parse(record, arena, &one, NULL) != 0)
        return;
    json_t *value = auth_account_json(&one, 1);
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    must(text != NULL);
    Store__Record written;
    store__record__init(&written);
    written.key = record->key;
    written.value.data = (uint8_t *)text;
    written.value.len = strlen(text);
    must(auth_account_parse(&written, arena, &two, NULL) == 0);
    must(strcmp(one.id, two.id) == 0 && strcmp(one.generation, two.generation) == 0);
    must(one.scope_count == two.scope_count && one.longest == two.longest);
    must(auth_account_message(&one, "micro", arena) != NULL);
    free(text);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    Store__Record record;
    store__record__init(&record);
    char key[] = "account/micro/x";
    char *text = arena_string_n(&arena, size ? (const char *)data : "", size);
    record.key = key;
    record.value.data = (uint8_t *)text;
    record.value.len = size;
    Auth__Rule *rule = NULL;
    struct refresh_record family;
    struct refresh_token token;
    account(&record, &arena);
    if (auth_rule_parse(&record, &arena, &rule, NULL) == 0)
        must(rule->resource && rule->access != AUTH__ACCESS__UNKNOWN);
    if (refresh_record_parse(BYTES(data, size), &arena, &family, NULL) == 0)
        (void)refresh_judge(&family, "x", 1000);
    if (refresh_parse(text, &arena, &token) == 0)
        must(auth_id_valid(token.id) && strlen(token.family) == 64);
    (void)secret_outdated(text, 5);
    arena_deinit(&arena);
    return 0;
}
