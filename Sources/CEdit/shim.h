// SPDX-License-Identifier: Apache-2.0
//
// libedit's settings are variadic functions, which Swift can't call: one function here for each that is used.
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/// The terminal columns that a character takes; POSIX, but hidden from a compiler that was not told so.
extern int wcwidth(wchar_t character);

/// An editor on the standard streams, in the person's locale or one that knows more than ASCII.
static inline EditLine *edit_open(const char *program) {
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX < 4) setlocale(LC_CTYPE, "C.UTF-8");
    return el_init(program, stdin, stdout, stderr);
}

/// The function that gives the prompt.
static inline int edit_set_prompt(EditLine *line, char *(*prompt)(EditLine *)) {
    return el_set(line, EL_PROMPT, prompt);
}

/// The function that gives the next character: 1 and the character, 0 at the end, -1 for an error.
static inline int edit_set_reader(EditLine *line, int (*reader)(EditLine *, wchar_t *)) {
    return el_set(line, EL_GETCFN, reader);
}

/// A pointer that callbacks get back from edit_context.
static inline int edit_set_context(EditLine *line, void *context) {
    return el_set(line, EL_CLIENTDATA, context);
}

static inline void *edit_context(EditLine *line) {
    void *context = NULL;
    el_get(line, EL_CLIENTDATA, &context);
    return context;
}

/// Emacs keys, with history, and no signal handlers of libedit's own.
static inline void edit_set_defaults(EditLine *line, History *past) {
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_SIGNAL, 0);
    el_set(line, EL_HIST, history, past);
    // The keys that the person expects from a shell and that libedit leaves out.
    el_set(line, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    el_set(line, EL_BIND, "\\e[1~", "ed-move-to-beg", NULL);
    el_set(line, EL_BIND, "\\e[4~", "ed-move-to-end", NULL);
    el_set(line, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

/// Sets the terminal up for editing again, after it was somebody else's.
static inline void edit_prepare_again(EditLine *line) {
    el_set(line, EL_PREP_TERM, 0);
    el_set(line, EL_PREP_TERM, 1);
}

/// The function that completes the word before the cursor, at each tab.
static inline void edit_set_completer(EditLine *line, unsigned char (*completer)(EditLine *, int)) {
    el_set(line, EL_ADDFN, "mesh-complete", "Completes a word.", completer);
    el_set(line, EL_BIND, "^I", "mesh-complete", NULL);
}

/// Draws the prompt and the line anew, the cursor being at the beginning of an empty row.
static inline int edit_refresh(EditLine *line) {
    return el_set(line, EL_REFRESH);
}

static inline void edit_history_limit(History *past, int lines) {
    HistEvent event;
    history(past, &event, H_SETSIZE, lines);
    history(past, &event, H_SETUNIQUE, 1);
}

static inline void edit_history_add(History *past, const char *text) {
    HistEvent event;
    history(past, &event, H_ENTER, text);
}
