Feature: Scenarios of a system that a target names

  @S1
  Rule: It is there

    Scenario: It is there
      Given a toy

    @views
    Scenario: Its views are there
      Given something that needs views

    @fault
    Scenario: Its orchestrator is cut off
      Given something that cuts the orchestrator off

    @restart
    Scenario: Its orchestrator is started again
      Given something that needs restart
