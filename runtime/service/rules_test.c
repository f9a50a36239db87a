/* v3's order of evaluation, case by case. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/service/rules.h"

#include <string.h>

#define RULES_MAX 4

enum who { NOBODY, USER, ADMIN, FOREIGN, FOREIGN_ADMIN };

static const char *const no_scopes[] = {NULL};
static const char *const some_scopes[] = {"billing", "Notes", NULL};
static const char *const admin_scopes[] = {"admin", NULL};
static const struct micro_account accounts[] = {
    [USER] = {.id = "u", .type = "user", .issuer = "acme", .name = "u", .scopes = some_scopes},
    [ADMIN] = {.id = "a", .type = "user", .issuer = "acme", .name = "a", .scopes = admin_scopes},
    [FOREIGN] = {.id = "f", .type = "user", .issuer = "other", .name = "f", .scopes = no_scopes},
    [FOREIGN_ADMIN] = {.id = "g", .type = "user", .issuer = "other", .name = "g", .scopes = admin_scopes},
};

#define ANY "*", "*", "*"
#define YES RULE_GRANTED
#define NO  RULE_DENIED

static const struct {
    const char *what;
    struct rule rules[RULES_MAX]; /* up to the first without a scope */
    enum who who;
    const char *name, *endpoint; /* NULL: notes, Notes.List */
    bool granted;
} cases[] = {
    {"no rule at all", {{0}}, ADMIN, NULL, NULL, false},
    {"public, nobody", {{"r", "", ANY, YES, 0}}, NOBODY, NULL, NULL, true},
    {"public, a stranger", {{"r", "", ANY, YES, 0}}, FOREIGN, NULL, NULL, true},
    {"public denied, nobody", {{"r", "", ANY, NO, 0}}, NOBODY, NULL, NULL, false},
    {"public denied, an admin", {{"r", "", ANY, NO, 0}}, ADMIN, NULL, NULL, false},
    {"any account, nobody", {{"r", "*", ANY, YES, 0}}, NOBODY, NULL, NULL, false},
    {"any account, one of ours", {{"r", "*", ANY, YES, 0}}, USER, NULL, NULL, true},
    {"any account, a stranger", {{"r", "*", ANY, YES, 0}}, FOREIGN, NULL, NULL, false},
    {"every account, nobody", {{"r", "+", ANY, YES, 0}}, NOBODY, NULL, NULL, false},
    {"every account, one of ours", {{"r", "+", ANY, YES, 0}}, USER, NULL, NULL, true},
    {"every account, a stranger", {{"r", "+", ANY, YES, 0}}, FOREIGN, NULL, NULL, true},
    {"every account denied", {{"r", "+", ANY, NO, 0}}, FOREIGN, NULL, NULL, false},
    {"a scope one has", {{"r", "billing", ANY, YES, 0}}, USER, NULL, NULL, true},
    {"a scope in other letters", {{"r", "nOTES", ANY, YES, 0}}, USER, NULL, NULL, true},
    {"a scope one has not", {{"r", "admin", ANY, YES, 0}}, USER, NULL, NULL, false},
    {"a scope of a stranger's", {{"r", "admin", ANY, YES, 0}}, FOREIGN_ADMIN, NULL, NULL, false},
    {"a stranger stops at the first rule not for all",
     {{"r", "billing", ANY, YES, 2}, {"s", "", ANY, YES, 1}},
     FOREIGN,
     NULL,
     NULL,
     false},
    {"nobody passes over rules for accounts",
     {{"r", "*", ANY, NO, 2}, {"s", "", ANY, YES, 1}},
     NOBODY,
     NULL,
     NULL,
     true},
    {"higher priority first", {{"r", "*", ANY, YES, 1}, {"s", "*", ANY, NO, 2}}, USER, NULL, NULL, false},
    {"negative priority last", {{"r", "*", ANY, NO, -1}, {"s", "*", ANY, YES, 0}}, USER, NULL, NULL, true},
    {"equal priority: denied before granted",
     {{"r", "*", ANY, NO, 0}, {"s", "*", ANY, YES, 0}},
     USER,
     NULL,
     NULL,
     false},
    {"equal priority: granted before denied",
     {{"r", "*", ANY, YES, 0}, {"s", "*", ANY, NO, 0}},
     USER,
     NULL,
     NULL,
     true},
    {"passed on to the next by scope",
     {{"r", "admin", ANY, NO, 5}, {"s", "billing", ANY, YES, 0}},
     USER,
     NULL,
     NULL,
     true},
    {"neither granted nor denied decides nothing",
     {{"r", "*", ANY, RULE_NONE, 5}, {"s", "*", ANY, YES, 0}},
     USER,
     NULL,
     NULL,
     true},
    {"the service's name", {{"r", "*", "service", "notes", "*", YES, 0}}, USER, NULL, NULL, true},
    {"another service", {{"r", "*", "service", "notes", "*", YES, 0}}, USER, "store", NULL, false},
    {"another type", {{"r", "*", "web", "*", "*", YES, 0}}, USER, NULL, NULL, false},
    {"names are not patterns", {{"r", "*", "service", "no*", "*", YES, 0}}, USER, NULL, NULL, false},
    {"the endpoint", {{"r", "*", "service", "*", "Notes.List", YES, 0}}, USER, NULL, NULL, true},
    {"another endpoint", {{"r", "*", "service", "*", "Notes.Read", YES, 0}}, USER, NULL, NULL, false},
    {"an endpoint of the type", {{"r", "*", "service", "*", "Notes.*", YES, 0}}, USER, NULL, NULL, true},
    {"an endpoint of another type", {{"r", "*", "service", "*", "Note.*", YES, 0}}, USER, NULL, NULL, false},
    {"a path below", {{"r", "*", "service", "*", "/a/*", YES, 0}}, USER, NULL, "/a/b/c", true},
    {"a path beside", {{"r", "*", "service", "*", "/a/*", YES, 0}}, USER, NULL, "/ab", false},
    {"a path without its end", {{"r", "*", "service", "*", "a/*", YES, 0}}, USER, NULL, "a", false},
    {"a star in the middle is itself", {{"r", "*", "service", "*", "a*b", YES, 0}}, USER, NULL, "axb", false},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule rules[RULES_MAX];
        size_t count = 0;
        while (count < RULES_MAX && cases[i].rules[count].scope) {
            rules[count] = cases[i].rules[count];
            count++;
        }
        rules_sort(rules, count);
        const struct rule_resource resource = {.type = "service",
                                               .name = cases[i].name ? cases[i].name : "notes",
                                               .endpoint = cases[i].endpoint ? cases[i].endpoint : "Notes.List"};
        const struct micro_account *a = cases[i].who == NOBODY ? NULL : &accounts[cases[i].who];
        if (rules_grant(rules, count, "acme", a, &resource) != cases[i].granted)
            fail_msg("%s: %s was expected", cases[i].what, cases[i].granted ? "granted" : "refused");
    }
}

static void sorting_is_stable(void **state)
{
    (void)state;
    struct rule rules[] = {
        {.id = "a", .priority = 1}, {.id = "b", .priority = 3},         {.id = "c", .priority = 1},
        {.id = "d", .priority = 3}, {.id = "e", .priority = INT32_MIN}, {.id = "f", .priority = INT32_MAX},
    };
    char order[7] = "";
    rules_sort(rules, 6);
    for (size_t i = 0; i < 6; i++)
        order[i] = rules[i].id[0];
    assert_string_equal(order, "fbdace");
    rules_sort(rules, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(sorting_is_stable)};
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
