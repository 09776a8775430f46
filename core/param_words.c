/* core/param_words.c - words in param.h: the nearest valid one, and patterns. */
#include <stdio.h>
#include <string.h>

#include "core/param.h"

#define WORD_MAX 64 /* longer words get no suggestion */

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours (Damerau 1964, Levenshtein 1966; each letter edited once). */
static int distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    int n = (int)strlen(a), m = (int)strlen(b);
    for (int j = 0; j <= m; j++)
        above[j] = j;
    for (int i = 1; i <= n; i++) {
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = min_of(min_of(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_of(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[m];
}

const char *cal_nearest(const char *word, const char *const *list)
{
    const char *nearest = NULL;
    if (strlen(word) > WORD_MAX)
        return NULL;
    int least = (int)strlen(word) / 2 + 1;
    for (; *list; list++) {
        if (strlen(*list) > WORD_MAX)
            continue;
        int d = distance(word, *list);
        if (d < least) {
            least = d;
            nearest = *list;
        }
    }
    return nearest;
}

const char *cal_did_you_mean(const char *word, const char *const *list)
{
    static char buffers[4][WORD_MAX + 24];
    static unsigned turn;
    char *text = buffers[turn++ % 4];
    const char *nearest = cal_nearest(word, list);
    text[0] = '\0';
    if (nearest)
        snprintf(text, sizeof buffers[0], ", did you mean `%s`?", nearest);
    return text;
}

bool cal_match(const char *pattern, const char *word)
{
    const char *star = NULL, *retry = NULL; /* the last star, and where the text it stands for ends so far */
    while (*word) {
        if (*pattern == '*') {
            star = pattern++;
            retry = word;
        } else if (*pattern == *word) {
            pattern++;
            word++;
        } else if (star) {
            pattern = star + 1;
            word = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
