/** Names the tests that failed once and then passed, so that nobody overlooks them. */
export default class SecondTryReporter {
  #names = [];

  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky)
      this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd() {
    if (this.#names.length === 0) return;
    process.stdout.write(`passed only at the second try (${this.#names.length}):\n`);
    for (const name of this.#names) process.stdout.write(`  ${name}\n`);
  }
}
