// Package surveys asks developers about the platform and keeps them safe while
// it does. It holds the survey definitions, the page, the invitations, and the
// two streams "survey_answers" and "survey_participation".
//
// Nothing that identifies a person may enter an event, a log line or an error
// of this package; neither may a link or its token. No metric is computed here.
//
// # What is stored where
//
// An answer is accepted when one state file on the portal's disk (mode 0600,
// written aside, synced and renamed) holds it. The file has three parts: the
// marks of used invitations, the held answers and the held responses. A crash
// leaves the file before or after the answer, never between, so an
// acknowledged answer is not lost and an unacknowledged one can be sent again.
//
// Every answer to every question is an event of its own under random ids. A
// respondent's answers share nothing: a comment cannot be put beside a score. A
// response ("somebody of this team answered") is an event on another topic,
// under a random id too. Both wait in pools, one per survey, wave, question and
// team, and leave them as a mix does:
//
//   - while the wave is open a pool of at least two thresholds gives up all but
//     one threshold, chosen at random;
//   - when the wave closes the rest leaves, and a pool that never reached the
//     threshold leaves without its team;
//   - what leaves is shuffled, and the two streams leave at random times of
//     their own.
//
// So every step in which a team's published answers grow adds at least a
// threshold of people, and watching a figure before and after somebody answered
// does not give the answer away. No team is stored on fewer answers than the
// threshold, and no comment has a team.
//
// An answer cannot be changed once it is sent: nothing knows whose it is. This
// is why the first answer of a wave counts and a second one is refused, where
// other surveys let the last one win.
//
// # Who could join what
//
// A reader of ClickHouse and Kafka, receipts and record timestamps included,
// finds in both streams the survey, the wave and a team of at least a threshold
// of answers. Ids and partition keys are random; the week in a row is the
// wave's first Monday; event times, and so the times of receipts, are the Monday
// of the week of publication; offsets are shuffled. The time that Kafka gives a
// record and the time of its insertion tell which events left together: at
// least a threshold of people, at a time that is not that of any answer.
//
// The holder of the secret can compute the id of each person's invitation, and
// with the portal's state file during a wave who has answered. The answers were
// never derived from the secret, so what somebody answered stays unknown.
//
// # What remains
//
//   - Whoever controls the portal while somebody answers sees the answer, as
//     whoever stands in the booth sees the ballot. So does a proxy that logs
//     request bodies.
//   - Whoever compares copies of the state file from before and after one answer
//     can tell which held items belong together. Do not back the file up often.
//   - A link is in the mail and may be in a proxy's access log. Who has it can
//     answer in its owner's place once, or see that it was used. It does not
//     lead to an answer. Leave the paths below /survey/ out of access logs.
//   - Colleagues who agree to tell each other their answers can subtract them.
//   - A comment may say who wrote it. The page warns of this.
package surveys
