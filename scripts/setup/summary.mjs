/**
 * What is used of vitest's JSON report.
 * @typedef {{name: string, status: string, message?: string, assertionResults: {status: string, fullName: string}[]}} TestFile
 * @typedef {{testResults: TestFile[]}} Report
 */

/**
 * The last lines of a test run: what was skipped, then `N passed, N failed, N skipped`, a line that
 * machines read. A file that fails outside of its tests counts as one failure.
 * @param {Report} report
 * @returns {{lines: string[], failed: number}}
 */
export function summary(report) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter((test) => !['passed', 'failed'].includes(test.status));
  const passed = tests.filter((test) => test.status === 'passed').length;
  const broken = report.testResults.filter(
    (file) =>
      file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = tests.length - passed - skipped.length + broken.length;
  return {
    failed,
    lines: [
      ...skipped.map((test) => `skipped: ${test.fullName.trim()}`),
      ...broken.map((file) => `failed: ${file.name}: ${(file.message ?? '').split('\n')[0]}`),
      `${passed} passed, ${failed} failed, ${skipped.length} skipped`,
    ],
  };
}
