/* Of every fuzz target. libfyaml 0.7.12 loses a buffer of its own on some broken quotes; what leaks of ours is still
 * found, since none of it is allocated below libfyaml. */
/* NOLINTNEXTLINE(cert-dcl51-cpp): the sanitizer gives the name. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}
