#include "base/test.h"

#include "base/secret_name.h"
#include "base/text.h"

static void names(void **state)
{
    static const char *const secret[] = {"token",   "apiToken", "X-Api-Key",  "admin_secret",       "PASSWORD_OLD",
                                         "tokens2", "Cookie",   "db_passwd",  "credentials",        "PRIVATE_KEY",
                                         "pin",     "card_pin", "cardPin",    "PIN_CODE",           "pin2",
                                         "otp",     "loginOTP", "user-otp-1", "PROXY-AUTHORIZATION"};
    static const char *const plain[] = {"",       "shipping", "pins", "spin",    "opinion", "SHIPPING_COST",
                                        "robotp", "otptions", "key",  "keyword", "place",   "pas",
                                        "monkey"};
    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        if (!is_secret_name(secret[i], strlen(secret[i])))
            fail_msg("%s is no secret", secret[i]);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (is_secret_name(plain[i], strlen(plain[i])))
            fail_msg("%s is a secret", plain[i]);
    assert_false(is_secret_name("token", 4)); /* no more than it is told */
    assert_false(is_secret_name("a=token", 2));
}

static void keys(void **state)
{
    static const char *const secret[] = {"token",   "accessToken", "Password",  "x_secret",
                                         "userpin", "otp",         "credential"};
    static const char *const plain[] = {"", "token_type", "tokens", "password_hint", "shipping", "pinned", "key"};
    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        assert_true(is_secret_key(secret[i]));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_false(is_secret_key(plain[i]));
}

static void add(void *arg, const char *secret, size_t len)
{
    struct text *out = arg;
    text_add(out, secret, len);
    text_char(out, '|');
}

static void addresses(void **state)
{
    static const struct {
        const char *text, *found;
    } rows[] = {
        {"http://user:pw@host:80/a", "pw|"},
        {"postgres://u:p%40w:x@h/db?sslmode=disable&sslpassword=q", "p%40w:x|q|"},
        {"https://host/a?x=1&access_token=abc&y=2#id_token=def", "abc|def|"},
        {"https://host?token=", ""},
        {"http://a:b@c/?next=http://d:e@f&apiKey=g", "b|e|g|"},
        {"http://u:a@b@host", "a@b|"}, /* the last one counts */
        {"http://u:@host", ""},
        {"http://user@host", ""},
        {"http://host:80/a:b@c", ""},
        {"http://[::1]:80/", ""},
        {"GET http://u:pw@host/?token=t \"x\": http://host:1 and a:b@c ?token=no", "pw|t|"},
        {"user:pw@host", ""},
        {"/path?token=abc", ""}, /* no address */
        {"://", ""},
        {"://:@", ""},
        {"://:x", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out = TEXT_INIT;
        secrets_in_address(rows[i].text, add, &out);
        if (strcmp(text_string(&out), rows[i].found) != 0)
            fail_msg("%s: %s", rows[i].text, text_string(&out));
        text_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(keys), cmocka_unit_test(addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
