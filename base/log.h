/* Levelled logging, as text or as JSON lines, to stderr unless a sink is set.
 *
 * Text:  2026-11-21T06:46:51.123Z info  store: listening on 127.0.0.1:8002
 * JSON:  {"time":"…","level":"info","component":"store","message":"listening on 127.0.0.1:8002"}
 *
 * The clock is given by whoever owns one (a world), so that a simulated run logs virtual time. Secrets are never
 * passed to these functions. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

void log_set_level(enum log_level level);
bool log_parse_level(const char *word, enum log_level *out); /* "debug", "info", "warn", "error", "off" */
void log_set_format(enum log_format format);
void log_set_component(const char *name); /* borrowed; shown before the message when a call names none */
/* Nanoseconds since 1970; NULL: lines carry no time. */
void log_set_clock(int64_t (*wall)(void *arg), void *arg);
/* One finished line without its newline; NULL: back to stderr. */
void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line, size_t len), void *arg);
/* Also told of every line shown, as its parts; it must not log itself. NULL: none. The message is as it was given, not
 * made fit for a line. */
void log_set_hook(void (*hook)(void *arg, enum log_level level, const char *component, const char *message, size_t len),
                  void *arg);
bool log_enabled(enum log_level level);

void log_debug(const char *component, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *component, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *component, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *component, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
